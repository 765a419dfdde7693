"""How far few pairs of text and API vector carry: text-encoded queries against documents compressed from the API.

    python -m benchmarks.text_api     # writes a block of docs/results/text.md

For each fold, whole origins are held out: their texts are the queries, and every vector of the teacher, compressed by
the shipped model, is a document. The truth is the query's exact ten nearest among the full vectors, itself left out.
"""

import json
import lzma
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import torch
import typer

from benchmarks.data import TEACHERS, VECTORS, deal_folds, load_origins, load_part
from benchmarks.pages import RESULTS, table, write_block
from linguagen.runtime import Compressor
from linguagen.runtime.measure.fidelity import NEIGHBOURS
from linguagen.runtime.text.tokenizer import pad
from linguagen.runtime.vectors import Array
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.text.config import TextRunConfig
from linguagen.train.text.finished import FinishedTextRun, load_finished
from linguagen.train.text.loop import train_text

_LONGEST = 128  # tokens of a text that are read
INTRODUCTION = """Made by `python -m benchmarks.text_api`. Half of the origins that have texts teach, and the
texts of the other half are queries. All of the teacher's training vectors, compressed, are the documents (20,000 and
8,000). The figures are recall@10 of a query's exact ten nearest among the full vectors."""
HEAD = [
    "teacher",
    "fold",
    "pairs",
    "queries",
    "API's own query, compressed",
    "text query, closed form",
    "text query, trained",
]


def main(
    init: Annotated[
        str, typer.Option(help="Text model to start from: a name, a file, or a run's folder.")
    ] = "linguagen-en",
    folds: Annotated[int, typer.Option(help="Groups of origins, each held out once.")] = 2,
    steps: Annotated[int, typer.Option(help="Training steps after the closed form.")] = 100,
) -> None:
    """Measure both teachers and write the block."""
    rows = [row for teacher in TEACHERS for row in measure(teacher, init, folds, steps)]
    text = f"## Text queries against API documents\n\n{INTRODUCTION}\n\n{table(HEAD, rows)}"
    typer.echo(text)
    write_block(RESULTS / "text.md", "text api", text)


def measure(teacher: str, init: str, folds: int, steps: int) -> list[list[str]]:
    """A row of the table for each fold of a teacher."""
    vectors, origins = load_part(teacher, "train"), load_origins(teacher)
    compressed = Compressor.load(teacher).compress(vectors)  # (rows, 256)
    with lzma.open(VECTORS / teacher / "train-text.jsonl.xz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line) for line in file]
    fold_of = deal_folds(np.array([origins[each["row"]] for each in texts]), folds)
    rows = []
    with TemporaryDirectory() as scratch:
        np.save(Path(scratch) / "teacher.npy", compressed)
        for fold in range(folds):
            asked = [each for each, group in zip(texts, fold_of, strict=True) if group == fold]
            learnt = [each for each, group in zip(texts, fold_of, strict=True) if group != fold]
            queries = np.array([each["row"] for each in asked])
            found = {"api": compressed[queries]}
            for name, count in (("closed form", 1), ("trained", steps)):
                run = _trained(Path(scratch), f"{name}-{fold}", learnt, init, count)
                found[name] = _embedded(run, [each["text"] for each in asked])
            truth = _nearest(vectors[queries], vectors, queries)
            recall = [_recall(truth, _nearest(each, compressed, queries)) for each in found.values()]
            shown = [f"{value:.3f}" for value in recall]
            rows.append([teacher, str(fold), str(len(learnt)), str(len(asked)), *shown])
            typer.echo(rows[-1], err=True)
    return rows


def _trained(scratch: Path, name: str, texts: list[dict[str, Any]], init: str, steps: int) -> FinishedTextRun:
    """A text model trained on texts and the vectors of their rows; one step is the closed form alone."""
    corpus = scratch / f"{name}.jsonl"
    corpus.write_text("".join(json.dumps(each) + "\n" for each in texts), encoding="utf-8")
    config = TextRunConfig.from_flat(
        {
            "inputs": (str(corpus),),
            "targets": str(scratch / "teacher.npy"),
            "init": init,
            "steps": steps,
            "batch": 128,
            "longest": _LONGEST,
            "simcse": 0.0,
            "skip_gram": 0.0,
            "learning_rate": 1e-9 if steps == 1 else 1e-3,
            "evaluate_every": steps,
        }
    )
    run = RunFolder(scratch / name)
    run.write_config(config)
    train_text(config, run, Processes())
    return load_finished(run.path)


def _embedded(run: FinishedTextRun, texts: list[str]) -> Array:
    """Embeddings (texts, dim) by a finished run, in PyTorch."""
    tokens = [each[:_LONGEST] for each in run.tokenizer.tokenize(texts)]
    with torch.no_grad():
        return torch.cat([run.network(torch.from_numpy(pad([each])).long()) for each in tokens]).numpy()


def _nearest(queries: Array, documents: Array, itself: np.ndarray) -> np.ndarray:
    """Numbers (queries, NEIGHBOURS) of the nearest documents, a query's own left out."""
    scores = queries @ documents.T
    scores[np.arange(len(queries)), itself] = -2
    return np.argpartition(-scores, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]


def _recall(truth: np.ndarray, found: np.ndarray) -> float:
    """Share of the true neighbours (queries, NEIGHBOURS) that were found."""
    return float(np.mean([len(set(a) & set(b)) / NEIGHBOURS for a, b in zip(truth, found, strict=True)]))


if __name__ == "__main__":
    typer.run(main)
