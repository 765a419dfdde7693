"""Recall of codes of any number of bytes, next to today's other codes and to faiss, on dev.

    python -m benchmarks.byte_results measure    # measures what .results-bytes.json does not have yet
    python -m benchmarks.byte_results write      # docs/results/bytes.md and its plot

dev has no origin of the training vectors, on which everything is fitted. Queries are floats. Within a method, dev chose
nothing; it did choose, among methods, the exponent of the energies and the shape of the trellis (docs/decisions).
"""

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import faiss
import numpy as np
import typer

from benchmarks.data import TEACHERS, load_part, load_training
from benchmarks.pages import RESULTS, write_block
from benchmarks.peers import DEPTH, Method, best, coded, decoded_index
from benchmarks.results import DEFAULTS, Task, measure
from benchmarks.tables import plot, section
from linguagen.runtime import Compressor

SIZES = (16, 32, 64, 128, 192, 256, 512, 1024)
PQ_SIZES = (16, 32, 64, 128, 192, 256, 512)
RABITQ = ((256, 1), (512, 1), (512, 2), (512, 4), (1536, 1), (1536, 2), (1536, 4))
"""Principal dimensions and bits of each."""
OPQ_ROWS = 5000

Make = Callable[[], Method]


def methods(teacher: str) -> Iterator[tuple[str, str, Make]]:
    """Family, detail and maker of every method; nothing is fitted before its maker is called."""
    for size in SIZES:
        yield "LinguaGEN", f"{size} bytes", partial(any_size, teacher, size)
    for suffix, dim, kind in DEFAULTS:
        yield "LinguaGEN, for databases", f"{dim} x {kind}", partial(for_databases, teacher + suffix, kind, dim)
    yield "faiss SQ4", "1536 x 4 bits", partial(scalar_quantiser, teacher)
    for dim, bits in RABITQ:
        yield "faiss RaBitQ", f"{dim} x {bits} bits", partial(rabitq, teacher, dim, bits)
    for size in PQ_SIZES:  # last, since they take longest
        yield "faiss PQ", f"{size} x 8 bits", partial(product_quantiser, teacher, size)
    yield "faiss OPQ", "64 x 8 bits", partial(rotated_quantiser, teacher, 64)


@cache
def training(teacher: str) -> np.ndarray:
    """Training vectors (rows, 1536) of a teacher."""
    return load_training(teacher)


@cache
def dev(teacher: str) -> tuple[np.ndarray, np.ndarray]:
    """Dev vectors (rows, 1536) of a teacher, and their true neighbours (rows, DEPTH), nearest first."""
    rows = load_part(teacher, "dev")
    return rows, best(rows, rows, same=True)


@cache
def compressor(name: str) -> Compressor:
    """A shipped model, loaded once."""
    return Compressor.load(name)


def any_size(teacher: str, size: int) -> Method:
    """The trellis code of a number of bytes."""
    model = compressor(f"{teacher}-1536")
    codec = model.byte_codec(size)

    def rank(queries: np.ndarray, documents: np.ndarray, same: bool) -> np.ndarray:
        return best(model.compress(queries), codec.decode(codec.encode(model.compress(documents))), same)

    return Method("LinguaGEN", f"{size} bytes", size, rank)


def for_databases(name: str, kind: str, dim: int) -> Method:
    """A trained model's embeddings in one of the fixed kinds."""
    model = compressor(name)
    return coded("LinguaGEN, for databases", model.compress, model.codec(kind, dim))


def product_quantiser(teacher: str, size: int) -> Method:
    """Product quantisation (Jégou and others, 2011)."""
    rows = training(teacher)
    return decoded_index("faiss PQ", f"{size} x 8 bits", faiss.IndexPQ(rows.shape[1], size, 8), rows)


def rotated_quantiser(teacher: str, size: int) -> Method:
    """Product quantisation after a learnt rotation, which is learnt in five rounds."""
    rows = training(teacher)
    rotation = faiss.OPQMatrix(rows.shape[1], size)
    rotation.niter, rotation.niter_pq, rotation.max_train_points = 5, 2, OPQ_ROWS
    index = faiss.IndexPreTransform(rotation, faiss.IndexPQ(rows.shape[1], size, 8))
    return decoded_index("faiss OPQ", f"{size} x 8 bits", index, rows)


def scalar_quantiser(teacher: str) -> Method:
    """Four bits for each number."""
    rows = training(teacher)
    index = faiss.IndexScalarQuantizer(rows.shape[1], faiss.ScalarQuantizer.QT_4bit)
    return decoded_index("faiss SQ4", "1536 x 4 bits", index, rows)


def rabitq(teacher: str, dim: int, bits: int) -> Method:
    """RaBitQ (arXiv 2405.12497, 2409.09913) on principal dimensions, or on all as they are, after a random rotation."""
    rows = training(teacher)
    reduce = faiss.PCAMatrix(rows.shape[1], dim)
    if dim < rows.shape[1]:
        reduce.train(rows)

    def reduced(x: np.ndarray) -> np.ndarray:
        return np.asarray(reduce.apply(x)) if dim < rows.shape[1] else x

    def rank(queries: np.ndarray, documents: np.ndarray, same: bool) -> np.ndarray:
        rotation = faiss.RandomRotationMatrix(dim, dim)
        rotation.init(0)
        whole = faiss.IndexPreTransform(rotation, faiss.IndexRaBitQ(dim, faiss.METRIC_L2, bits))
        whole.train(reduced(rows))
        whole.add(reduced(documents))
        found = whole.search(reduced(queries), DEPTH + 1)[1]
        if not same:
            return np.asarray(found[:, :DEPTH])
        later = np.argsort(found == np.arange(len(found))[:, None], axis=1, kind="stable")  # a query's own row is last
        return np.take_along_axis(found, later, axis=1)[:, :DEPTH]

    size = faiss.IndexRaBitQ(dim, faiss.METRIC_L2, bits).sa_code_size()
    return Method("faiss RaBitQ", f"{dim} x {bits} bits", size, rank)


def measure_all(out: Path) -> None:
    """Measure every method that the file does not have, and write each to it at once."""
    done: list[dict[str, Any]] = json.loads(out.read_text()) if out.exists() else []
    for each in zip(*map(methods, TEACHERS), strict=True):
        for teacher, (family, detail, make) in zip(TEACHERS, each, strict=True):
            rows, exact = dev(teacher)
            if teacher not in [item["name"] for item in done]:
                done.append({"name": teacher, "queries": len(rows), "documents": len(rows), "rows": []})
            item = next(item for item in done if item["name"] == teacher)
            if (family, detail) in [(row["family"], row["detail"]) for row in item["rows"]]:
                continue
            method = make()
            figures = measure(method, Task(teacher, rows, rows, True, ()), exact)
            item["rows"].append({"family": family, "detail": detail, "bytes": method.bytes, **figures})
            out.write_text(json.dumps(done, indent=1))
            print(f"{teacher}: {family} {detail}: {method.bytes} bytes, {figures['recall@10']:.4f}", flush=True)


def main(part: Literal["measure", "write"], out: Path = Path(".results-bytes.json")) -> None:
    """Measure, or write the page."""
    if part == "measure":
        measure_all(out)
        return
    done = json.loads(out.read_text())
    write_block(RESULTS / "bytes.md", "bytes", "\n\n".join(section(item) for item in done))
    (RESULTS / "bytes.svg").write_text(plot(done), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
