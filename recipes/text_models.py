"""Train text models: linguagen-en, which ships, and two without its teacher that the results compare it with.

    python -m recipes.text_models linguagen-en --export    # or: make models-text

The corpus and the teacher's vectors are made first if they are missing. The vectors take an hour, a training half an
hour.
"""

from pathlib import Path
from typing import Annotated

import typer

from recipes import text_corpus, text_teacher
from recipes.commands import ROOT, SHARED, options, run_command

FOLDER = ROOT / ".text"
CORPUS, PAIRS, TEACHER = FOLDER / "corpus.txt", FOLDER / "pairs.tsv", FOLDER / "teacher.npy"
SOURCES = Path(__file__).with_name("text_sources.txt")
SHIPPED = ROOT / "linguagen-en" / "linguagen_en" / "linguagen-en.onnx"

EVERY: dict[str, object] = {"pieces": 32000, "scored": SHARED / "text/eval/stsb/stsb-en-dev.csv"}
ALONE: dict[str, object] = {"simcse": 1, "skip_gram": 0.1, "batch": 512, "steps": 250}
SETTINGS: dict[str, dict[str, object]] = {
    "alone": ALONE,
    "pairs": ALONE | {"pairs": PAIRS},
    "linguagen-en": {"targets": TEACHER, "simcse": 0, "skip_gram": 0, "steps": 1200, "evaluate_every": 100},
}
"""What each model is trained with: nothing but text, text and pairs that belong together, a teacher's vectors."""


def main(
    models: Annotated[list[str], typer.Argument(help=f"Some of: {', '.join(SETTINGS)}.")],
    export: Annotated[bool, typer.Option("--export", help="Write the file that ships.")] = False,
) -> None:
    """Train the models that have no finished run yet."""
    prepare()
    for name in models:
        if not (run_folder(name) / "finished.json").exists():
            settings = options(EVERY | SETTINGS[name])
            run_command("lg-train", "text", CORPUS, *settings, "--out", run_folder(name))
    if export:
        sources = SOURCES.read_text(encoding="utf-8").strip()
        words = (
            "--quantize",
            "int8",
            "--sources",
            sources,
            "--teacher-name",
            text_teacher.NAME,
            "--overwrite",
            "-o",
            SHIPPED,
        )
        run_command("lg-export", run_folder("linguagen-en"), *words)


def prepare() -> None:
    """Make the corpus, the pairs and the teacher's vectors if the vectors, which come last, are missing."""
    if not TEACHER.exists():
        text_corpus.main(SHARED / "text", FOLDER)
        text_teacher.main(CORPUS, TEACHER)


def run_folder(name: str) -> Path:
    """Where the run of a model lies."""
    return ROOT / "runs" / name


if __name__ == "__main__":
    typer.run(main)
