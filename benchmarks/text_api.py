"""How far few pairs of text and API vector carry: text-encoded queries against documents compressed from the API.

    python tests/benchmarks/text_api.py ../shared/vectors/text-embedding-3-small --init linguagen-en

For each fold, whole sources are held out: their texts are the queries, and every vector of the teacher, compressed by the
shipped model, is a document. The truth is the query's exact ten nearest among the full vectors, itself left out.
"""

import json
import lzma
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import torch
import typer

from linguagen.runtime import Compressor
from linguagen.runtime.console import format_table
from linguagen.runtime.measure.fidelity import NEIGHBOURS
from linguagen.runtime.text.tokenizer import pad
from linguagen.runtime.vectors import Array
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.text.config import TextRunConfig
from linguagen.train.text.finished import FinishedTextRun, load_finished
from linguagen.train.text.loop import train_text

_LONGEST = 128  # tokens of a text that are read


def main(
    folder: Annotated[Path, typer.Argument(help="Of a teacher: train.npy, train-source.npy, train-text.jsonl.xz.")],
    init: Annotated[str, typer.Option(help="Text model to start from: a name, a file, or a run's folder.")],
    folds: Annotated[int, typer.Option(help="Groups of sources, each held out once.")] = 3,
    steps: Annotated[int, typer.Option(help="Of training, after the closed form.")] = 150,
) -> None:
    """Print recall of text-encoded queries, beside the API's own."""
    vectors = np.load(folder / "train.npy").astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    compressed = Compressor.load(folder.name).compress(vectors)
    sources = np.load(folder / "train-source.npy")
    with lzma.open(folder / "train-text.jsonl.xz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line) for line in file]
    groups = _groups(np.array([sources[each["row"]] for each in texts]), folds)
    rows = []
    with TemporaryDirectory() as scratch:
        np.save(Path(scratch) / "teacher.npy", compressed)
        for fold in range(folds):
            asked = [each for each, group in zip(texts, groups, strict=True) if group == fold]
            learnt = [each for each, group in zip(texts, groups, strict=True) if group != fold]
            queries = np.array([each["row"] for each in asked])
            truth = _nearest(vectors[queries], vectors, queries)
            found = {"api": compressed[queries]}
            for name, count in (("closed form", 1), ("trained", steps)):
                run = _trained(Path(scratch), f"{name}-{fold}", learnt, init, count)
                found[name] = _embedded(run, [each["text"] for each in asked])
            recall = {name: _recall(truth, _nearest(rows_, compressed, queries)) for name, rows_ in found.items()}
            rows.append([str(fold), str(len(learnt)), str(len(asked)), *(f"{value:.3f}" for value in recall.values())])
            typer.echo(format_table(["fold", "pairs", "queries", *recall], rows[-1:]), err=True)
    typer.echo(format_table(["fold", "pairs", "queries", "API's own, compressed", "closed form", "trained"], rows))


def _groups(sources: np.ndarray, folds: int) -> np.ndarray:
    """A group for each text: whole sources, the largest dealt first."""
    found, counts = np.unique(sources, return_counts=True)
    sizes, group_of = np.zeros(folds), {}
    for number in np.argsort(-counts, kind="stable"):
        group_of[found[number]] = int(sizes.argmin())
        sizes[sizes.argmin()] += counts[number]
    return np.array([group_of[source] for source in sources])


def _trained(scratch: Path, name: str, texts: list[dict[str, Any]], init: str, steps: int) -> FinishedTextRun:
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
    tokens = [each[:_LONGEST] for each in run.tokenizer.encode(texts)]
    with torch.no_grad():
        return torch.cat([run.network(torch.from_numpy(pad([each])).long()) for each in tokens]).numpy()


def _nearest(queries: Array, documents: Array, itself: np.ndarray) -> np.ndarray:
    """Numbers (queries, NEIGHBOURS) of the nearest documents, a query's own left out."""
    scores = queries @ documents.T
    scores[np.arange(len(queries)), itself] = -2
    return np.argpartition(-scores, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]


def _recall(truth: np.ndarray, given: np.ndarray) -> float:
    return float(np.mean([len(set(a) & set(b)) / NEIGHBOURS for a, b in zip(truth, given, strict=True)]))


if __name__ == "__main__":
    typer.run(main)
