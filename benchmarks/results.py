"""Recall at equal bytes, next to peers run on the same rows.

    python -m benchmarks.results dev       # the shipped models on unseen origins
    python -m benchmarks.results corpora   # single corpora, zero-shot and fitted
    python -m benchmarks.results write     # into docs/results: recall-bytes.md, its plot, and corpora.md

or all of them: make results. What is found in .results.json is not run again. On dev, everything is fitted on the
training set. A corpus is some origins left out of all training: a fifth of it are queries, of which half choose (when
fitting) and half are reported, looked up in the other four fifths, on which own PCA and faiss are fitted.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import typer

from benchmarks.data import TEACHERS, deal_groups, load_origins, load_part, load_training
from benchmarks.fitting import fit_on, statistics_of, train_on
from benchmarks.peers import (
    DEPTH,
    Method,
    adaptor_peer,
    best,
    binary_peers,
    coded,
    faiss_peers,
    linear_peers,
    rescored,
    scalar_peer,
    with_codecs,
)
from benchmarks.tables import write_results
from linguagen.runtime import Compressor

DEFAULTS = [
    ("", 256, "e8"),
    ("-512", 512, "e8"),
    ("", 256, "int4"),
    ("-512", 384, "int4"),
    ("-512", 512, "int4"),
    ("-512", 512, "int8"),
    ("-512", 512, "float16"),
    ("", 256, "float32"),
]
"""The mix for each number of bytes: which model, how many of its dimensions, and the code."""
PEER_MIXES = [(256, "ubinary"), (256, "int4"), (256, "int8"), (512, "int4"), (512, "int8"), (256, "float32")]
CORPUS_MIXES = [(256, "e8"), (256, "int4"), (256, "int8"), (256, "float32")]
SINGLE_ORIGINS, GROUPS = (12, 21, 14), 4
"""The corpora: three large origins of the first teacher; three groups of the second, whose origins are small."""
RESAMPLES = 1000


@dataclass(frozen=True)
class Task:
    """Queries to look up in documents, both (rows, 1536), by every method."""

    name: str
    queries: np.ndarray
    documents: np.ndarray
    same: bool
    """Whether queries and documents are the same rows, so that a query does not count as its own neighbour."""
    methods: Iterable[Method]


def measure(method: Method, task: Task, exact: np.ndarray) -> dict[str, Any]:
    """Recall@1, 10 and 100, the middle one with its bootstrap interval over queries.

    Args:
        method: what is measured.
        task: queries and documents.
        exact: the true neighbours of each query (queries, DEPTH), nearest first.
    """
    found = method.rank(task.queries, task.documents, task.same)
    hits = {k: (exact[:, :k, None] == found[:, None, :k]).any(axis=2).mean(axis=1) for k in (1, 10, DEPTH)}
    draws = np.random.default_rng(0).integers(len(task.queries), size=(RESAMPLES, len(task.queries)))
    low, high = np.percentile(hits[10][draws].mean(axis=1), [2.5, 97.5])
    figures: dict[str, Any] = {f"recall@{k}": float(each.mean()) for k, each in hits.items()}
    if found.shape[1] < DEPTH:
        figures[f"recall@{DEPTH}"] = None
    return figures | {"low": float(low), "high": float(high)}


def dev_methods(teacher: str) -> Iterator[Method]:
    """Every method of the table on unseen origins; peers are fitted on the teacher's training set."""
    rows = load_training(teacher)
    models = {suffix: Compressor.load(teacher + suffix) for suffix in ("", "-512")}
    for suffix, dim, kind in DEFAULTS:
        yield coded("LinguaGEN", models[suffix].compress, models[suffix].codec(kind, dim))
    int8 = coded("LinguaGEN", models[""].compress, models[""].codec("int8"))
    bits = coded("LinguaGEN", models[""].compress, models[""].codec("ubinary"))
    yield from (int8, bits, rescored("LinguaGEN, rescored", "256 bits, then int8", bits, int8))
    yield from linear_peers(rows, PEER_MIXES)
    yield from adaptor_peer(rows, PEER_MIXES)
    yield from faiss_peers(rows, [32, 64, 128, 192, 256, 512], [128])
    for plain in binary_peers():
        yield plain
        yield rescored("plain binary, rescored", "1536 signs, then SQ8", plain, scalar_peer(rows))


def list_corpora(teacher: str) -> list[tuple[str, tuple[int, ...]]]:
    """Names and origins of a teacher's three corpora."""
    if teacher == TEACHERS[0]:
        return [(f"{teacher}, origin {origin}", (origin,)) for origin in SINGLE_ORIGINS]
    groups = deal_groups(load_origins(teacher), GROUPS)[:3]
    return [(f"{teacher}, group {number}", group) for number, group in enumerate(groups)]


def corpus_task(name: str, teacher: str, chosen: tuple[int, ...]) -> Task:
    """Fit a corpus and train a model of all other origins; a fifth of its rows are queries and stay outside."""
    vectors, mine = load_part(teacher, "train"), np.isin(load_origins(teacher), chosen)
    rows, others = vectors[mine], vectors[~mine]
    order = np.random.default_rng(0).permutation(len(rows))
    queries, documents = rows[order[: len(rows) // 5]], rows[order[len(rows) // 5 :]]
    general = train_on(others, {"held_out": 0.05, "evaluate_every": 10**6})
    general_map = general.network.skip.weight.detach().cpu().numpy().T
    fitted = fit_on(documents, statistics_of(others, 256), general_map)

    def methods() -> Iterator[Method]:
        yield from with_codecs("LinguaGEN, fitted", fitted, documents, CORPUS_MIXES)
        yield from with_codecs("LinguaGEN, zero-shot", general.encode, others, CORPUS_MIXES)
        yield from linear_peers(documents, CORPUS_MIXES, " of the corpus")
        yield from (m for m in linear_peers(others, CORPUS_MIXES, " of other origins") if "truncation" not in m.family)
        yield from adaptor_peer(documents, CORPUS_MIXES, steps=300)
        yield from faiss_peers(documents, [32, 128, 256], [])
        yield from binary_peers()

    return Task(name, queries, documents, False, methods())


def dev_task(teacher: str) -> Task:
    """The shipped models and their peers on the dev set, every vector a query and a document."""
    vectors = load_part(teacher, "dev")
    return Task(teacher, vectors, vectors, True, dev_methods(teacher))


def run(task: Task) -> dict[str, Any]:
    """Every method's figures on one task."""
    exact = best(task.queries, task.documents, task.same)
    rows = []
    for method in task.methods:
        figures = measure(method, task, exact)
        rows.append({"family": method.family, "detail": method.detail, "bytes": method.bytes, **figures})
        print(f"{task.name}: {method.family} {method.detail}: {figures['recall@10']:.4f}", flush=True)
    return {"name": task.name, "queries": len(task.queries), "documents": len(task.documents), "rows": rows}


def main(part: Literal["dev", "corpora", "write"], out: Path = Path(".results.json")) -> None:
    """Measure a part, or write the pages."""
    done = json.loads(out.read_text()) if out.exists() else {"dev": [], "corpora": []}
    if part == "write":
        write_results(done)
        return
    for teacher in TEACHERS:
        for name, chosen in [(teacher, ())] if part == "dev" else list_corpora(teacher):
            if name not in [item["name"] for item in done[part]]:
                done[part].append(run(dev_task(teacher) if part == "dev" else corpus_task(name, teacher, chosen)))
                out.write_text(json.dumps(done, indent=1))


if __name__ == "__main__":
    typer.run(main)
