"""Train the taggers that ship: linguagen-pos-en and linguagen-ner-en.

    python -m recipes.taggers linguagen-pos-en linguagen-ner-en --export    # or: make models-taggers

Each takes about five minutes on one core. Only data whose licence lets weights ship is read: of ner-open the filings
(sec) are left out, since part of their sentences are those of CoNLL-2003, whose texts may not be given away, and re3d
gives its parts under open licences but one, whose terms are unclear.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from linguagen.runtime.text.lines import numbered_lines
from recipes.commands import ROOT, SHARED, options, run_command

FOLDER = ROOT / ".taggers"
EVAL = SHARED / "text" / "eval"
POS, RE3D = EVAL / "ud-ewt", EVAL / "ner-open" / "re3d"
NEWS = "US_State_Department"
"""The part of re3d that is left out of training, as news-like texts to measure on."""
NER = (
    EVAL / "wnut17" / "wnut17train.conll",
    *(EVAL / "ner-open" / "btc" / f"{part}.conll" for part in "abefgh"),
    *(RE3D / f"{part}.conll" for part in ("Australian_Department_of_Foreign_Affairs", "CENTCOM", "UK_Government")),
)
NAMES = {"linguagen-pos-en": "pos", "linguagen-ner-en": "ner"}
SETTINGS: dict[str, dict[str, object]] = {
    "pos": {
        "dev": POS / "en_ewt-ud-dev.conllu",
        "steps": 3500,
        "evaluate_every": 700,
        "dropout": 0.3,
        "forms": 1,
    },
    "ner": {
        "dev": EVAL / "wnut17" / "emerging.dev.conll",
        "labels_map": Path(__file__).with_name("ner_labels.txt"),
        "steps": 3000,
        "evaluate_every": 500,
        "dropout": 0.3,
    },
}


def main(
    models: Annotated[list[str], typer.Argument(help=f"Some of: {', '.join(NAMES)}.")],
    export: Annotated[bool, typer.Option("--export", help="Write the files that ship.")] = False,
) -> None:
    """Train the taggers that have no finished run yet."""
    for name in models:
        kind, run = NAMES[name], ROOT / "runs" / name
        if not (run / "finished.json").exists():
            run_command("lg-train", "tagger", *data_of(kind), *options(SETTINGS[kind]), "--out", run)
        if export:
            sources = Path(__file__).with_name(f"{kind}_sources.txt").read_text(encoding="utf-8").strip()
            shipped = ROOT / name / name.replace("-", "_") / f"{name}.onnx"
            run_command("lg-export", run, "--quantize", "int8", "--sources", sources, "--overwrite", "-o", shipped)


def data_of(kind: str) -> list[Path]:
    """The files that a tagger learns from."""
    if kind == "pos":
        return [POS / "en_ewt-ud-train.rebuilt.conllu.gz"]
    FOLDER.mkdir(exist_ok=True)
    return [_without_blank_words(NER, FOLDER / "ner.conll")]


def _without_blank_words(paths: Sequence[Path], output: Path) -> Path:
    """Write files as one, without lines whose word is blank, of which BTC has a few; lg-train refuses those."""
    with output.open("w", encoding="utf-8") as file:
        for path in paths:
            for _, line in numbered_lines(path):
                word = line.split("\t")[0]
                if word.strip() or not line.strip():
                    file.write(line.strip() + "\n")
            file.write("\n")
    return output


if __name__ == "__main__":
    typer.run(main)
