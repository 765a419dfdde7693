"""Recall at equal bytes, beside peers run on the same rows: the tables and the plot of docs/results.md.

    python tests/benchmarks/results.py dev --out .results.json     # the shipped models on unseen sources
    python tests/benchmarks/results.py corpora --out .results.json # single corpora, zero-shot and fitted
    python tests/benchmarks/results.py write --out .results.json   # into docs/results.md and docs/recall-bytes.svg

or all of them: make results. What is found in the file is not run again. On dev, everything is fitted on the training set.
A corpus is some sources left out of all training: a fifth of it are queries, of which half choose (fitting only) and half
are reported, looked up in the other four fifths, which own PCA, fitted models and faiss are fitted on.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from corpora import deal_sources, statistics_of
from peers import (
    DEPTH,
    Method,
    adaptor_peer,
    best,
    binary_peers,
    coded,
    faiss_peers,
    linear_peers,
    rescored,
    with_codecs,
)
from tables import write_results

from linguagen.runtime import Compressor
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.vectors.config import FIT_DEFAULTS, VectorRunConfig
from linguagen.train.vectors.data import split_rows
from linguagen.train.vectors.finished import load_finished
from linguagen.train.vectors.loop import train

TEACHERS = ("text-embedding-3-small", "text-embedding-ada-002")
SHARED = Path(__file__).resolve().parents[3] / "shared" / "vectors"
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
"""The mix for each number of bytes."""
PEER_MIXES = [(256, "ubinary"), (256, "int4"), (256, "int8"), (512, "int4"), (512, "int8"), (256, "float32")]
CORPUS_MIXES = [(256, "e8"), (256, "int4"), (256, "int8"), (256, "float32")]
CORPORA = {TEACHERS[0]: ((12,), (21,), (14,)), TEACHERS[1]: (0, 1, 2)}
"""Three of each teacher: the largest sources, and groups of sources where all are small."""
RESAMPLES = 1000


def unit(rows: np.ndarray) -> np.ndarray:
    wide = rows.astype(np.float32)
    return np.ascontiguousarray(wide / np.linalg.norm(wide, axis=1, keepdims=True))


def measure(
    method: Method, queries: np.ndarray, documents: np.ndarray, exact: np.ndarray, same: bool
) -> dict[str, Any]:
    """Recall@1, 10 and 100, the middle one with its bootstrap interval over queries."""
    found = method.rank(queries, documents, same)
    recalls = {}
    for k in (1, 10, DEPTH):
        hits = (exact[:, :k, None] == found[:, None, :k]).any(axis=2).mean(axis=1)
        recalls[k] = hits
    generator = np.random.default_rng(0)
    draws = generator.integers(len(queries), size=(RESAMPLES, len(queries)))
    low, high = np.percentile(recalls[10][draws].mean(axis=1), [2.5, 97.5])
    figures = {f"recall@{k}": float(hits.mean()) for k, hits in recalls.items()}
    if found.shape[1] < DEPTH:
        figures[f"recall@{DEPTH}"] = None
    return figures | {"low": float(low), "high": float(high)}


def dev_methods(teacher: str) -> Iterator[Method]:
    rows = unit(np.load(SHARED / teacher / "train.npy"))
    models = {suffix: Compressor.load(teacher + suffix) for suffix in ("", "-512")}
    ours = {
        (suffix, dim, kind): coded("LinguaGEN", models[suffix].compress, models[suffix].codec(kind, dim))
        for suffix, dim, kind in DEFAULTS
    }
    yield from ours.values()
    int8 = coded("LinguaGEN", models[""].compress, models[""].codec("int8"))
    bits = coded("LinguaGEN", models[""].compress, models[""].codec("ubinary"))
    yield int8
    yield bits
    yield rescored("LinguaGEN, rescored", "256 bits, then int8", bits, int8)
    yield from linear_peers(rows, PEER_MIXES)
    yield from adaptor_peer(rows, PEER_MIXES)
    yield from faiss_peers(rows, [32, 64, 128, 192, 256, 512], [128])
    for plain in binary_peers(rows):
        yield plain
        yield rescored("plain binary, rescored", "1536 signs, then SQ8", plain, next(_sq8(rows)))


def _sq8(rows: np.ndarray) -> Iterator[Method]:
    yield from (method for method in faiss_peers(rows, [], []) if method.family == "faiss SQ8")


def corpus_rows(teacher: str, number: int) -> tuple[np.ndarray, np.ndarray, str]:
    """A corpus, the vectors of all other sources, and its name."""
    vectors = unit(np.load(SHARED / teacher / "train.npy"))
    sources = np.load(SHARED / teacher / "train-source.npy")
    which = CORPORA[teacher][number]
    if isinstance(which, int):
        which, name = deal_sources(sources, 4)[which], f"group {which}"
    else:
        name = f"source {which[0]}"
    mine = np.isin(sources, which)
    return vectors[mine], vectors[~mine], f"{teacher}, {name}"


def trained(rows: np.ndarray, prior_rows: np.ndarray | None) -> tuple[Any, np.ndarray, np.ndarray]:
    """An encoder trained on rows, from a teacher's statistics if given; its documents, and the queries it reports on."""
    prior = None if prior_rows is None else statistics_of(prior_rows)
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/rows.npy", rows)
        changes = FIT_DEFAULTS if prior else {"held_out": 0.05, "evaluate_every": 10**6}
        config = VectorRunConfig.from_flat({"inputs": (f"{folder}/rows.npy",), **changes})
        folder_of_run = RunFolder(Path(folder) / "run")
        folder_of_run.write_config(config)
        train(config, folder_of_run, Processes(), prior=prior)
        encoder = load_finished(folder_of_run.path).network

    def encode(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return encoder(torch.from_numpy(x)).numpy()

    split = split_rows(_Sized(len(rows)), config.held_out, config.seed, by_origin=False)
    return encode, rows[split.training], rows[split.held_out][1::2]


class _Sized:
    """All that split_rows asks of a corpus."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return self._rows


def corpus_methods(rows: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, Iterable[Method]]:
    """Queries, documents, and every method."""
    fitted, documents, queries = trained(rows, others)
    general, _, _ = trained(others, None)

    def methods() -> Iterator[Method]:
        yield from with_codecs("LinguaGEN, fitted", fitted, documents, CORPUS_MIXES)
        yield from with_codecs("LinguaGEN, zero-shot", general, others, CORPUS_MIXES)
        yield from linear_peers(documents, CORPUS_MIXES, " of the corpus")
        yield from (m for m in linear_peers(others, CORPUS_MIXES, " of other sources") if "truncation" not in m.family)
        yield from adaptor_peer(documents, CORPUS_MIXES, steps=300)
        yield from faiss_peers(documents, [32, 128, 256], [])
        yield from binary_peers(documents)

    return queries, documents, methods()


def run(name: str, queries: np.ndarray, documents: np.ndarray, methods: Iterable[Method], same: bool) -> dict[str, Any]:
    exact = best(queries, documents, same)
    rows = []
    for method in methods:
        figures = measure(method, queries, documents, exact, same)
        rows.append({"family": method.family, "detail": method.detail, "bytes": method.bytes, **figures})
        print(f"{name}: {method.family} {method.detail}: {figures['recall@10']:.4f}", flush=True)
    return {"name": name, "queries": len(queries), "documents": len(documents), "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("dev", "corpora", "write"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    done = json.loads(options.out.read_text()) if options.out.exists() else {"dev": [], "corpora": []}
    if options.part == "write":
        write_results(done)
        return
    for teacher in TEACHERS:
        for number in range(len(CORPORA[teacher]) if options.part == "corpora" else 1):
            if options.part == "dev":
                name, rows = teacher, None
            else:
                rows, others, name = corpus_rows(teacher, number)
            if any(item["name"] == name for item in done[options.part]):
                continue
            if rows is None:
                vectors = unit(np.load(SHARED / teacher / "dev.npy"))
                found = run(name, vectors, vectors, dev_methods(teacher), same=True)
            else:
                queries, documents, methods = corpus_methods(rows, others)
                found = run(name, queries, documents, methods, same=False)
            done[options.part].append(found)
            options.out.write_text(json.dumps(done, indent=1))


if __name__ == "__main__":
    main()
