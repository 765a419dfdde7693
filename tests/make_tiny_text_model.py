"""Make the tiny real run on text that the tests use: 300 pieces or so -> 8, trained and exported by the real code.

python tests/make_tiny_text_model.py FOLDER
"""

import csv
import itertools
import sys
from pathlib import Path

import numpy as np

from linguagen.export.kinds import export_run
from linguagen.export.request import ExportRequest
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.text.config import TextRunConfig
from linguagen.train.text.finished import load_finished
from linguagen.train.text.loop import train_text

DIM, TEACHER_WIDTH = 8, 12
SETTINGS = {"dim": DIM, "width": 12, "hidden": 4, "pieces": 400, "steps": 20, "batch": 32, "evaluate_every": 10}
ACTORS = ("dog", "cat", "man", "woman", "teacher", "farmer", "pilot", "child")
DEEDS = ("bites", "sees", "follows", "feeds", "paints", "calls", "lifts")


def tiny_texts() -> list[str]:
    """Sentences of someone who does something to someone, all different."""
    return [f"The {a} {deed} the {b}." for a, deed, b in itertools.product(ACTORS, DEEDS, ACTORS) if a != b]


def tiny_teacher(texts: list[str]) -> np.ndarray:
    """Vectors (texts, TEACHER_WIDTH): the first actor, the deed and the second actor each have directions of their own."""
    generator = np.random.default_rng(5)
    words = {
        (word, place): generator.standard_normal(TEACHER_WIDTH) for word in (*ACTORS, *DEEDS) for place in range(6)
    }
    rows = [sum(words.get((word, place), 0) for place, word in enumerate(text[:-1].split())) for text in texts]
    return np.array(rows, dtype=np.float32)


def write_inputs(folder: Path) -> dict[str, Path]:
    """Corpus, target vectors, pairs and scored pairs: keys text, targets, pairs, scored."""
    texts = tiny_texts()
    paths = {name: folder / file for name, file in (("text", "corpus.txt"), ("targets", "teacher.npy"))}
    paths["text"].write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    np.save(paths["targets"], tiny_teacher(texts))
    paths["pairs"], paths["scored"] = folder / "pairs.tsv", folder / "scored.csv"
    paths["pairs"].write_text("".join(f"{a}\t{a.lower()} Yes.\n" for a in texts), encoding="utf-8")
    with paths["scored"].open("w", newline="") as file:
        csv.writer(file).writerows((texts[0], text, len(set(texts[0]) & set(text))) for text in texts[:40])
    return paths


def tiny_text_config(inputs: dict[str, Path], *names: str, **changes: object) -> TextRunConfig:
    """Settings of a run that takes a second, with these inputs next to the text."""
    given = {name: str(inputs[name]) for name in names}
    return TextRunConfig.from_flat({**SETTINGS, "inputs": (str(inputs["text"]),), **given, **changes})


def make_text_run(folder: Path, inputs: dict[str, Path], *names: str, **changes: object) -> Path:
    """Train; returns the run's folder."""
    run, config = RunFolder(folder), tiny_text_config(inputs, *names, **changes)
    run.write_config(config)
    train_text(config, run, Processes())
    return run.path


def make_text_models(folder: Path) -> dict[str, Path]:
    """Train on everything, and export in every precision; the inputs and the run are in the answer too."""
    inputs = write_inputs(folder)
    path = make_text_run(folder / "runs" / "tiny-text", inputs, "targets", "pairs", "scored")
    run = load_finished(path)
    models = {
        kind: export_run(run, ExportRequest(kind), folder / f"text-{kind}.onnx").path
        for kind in ("none", "fp16", "int8")
    }
    return {**inputs, "run": path, **models}


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for kind, path in make_text_models(target).items():
        print(f"{kind}: {path}")
