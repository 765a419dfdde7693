"""Writes docs/results/index-file.md: an index of 1,000,000 rows of 128 bytes, next to faiss PQ and RaBitQ, in one run.

OMP_NUM_THREADS=1 python -m benchmarks.index_file
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from benchmarks.data import load_part, load_training
from benchmarks.pages import RESULTS, table
from linguagen.runtime import Compressor, Index
from linguagen.runtime.codes.codec import rotation_matrix
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.index.about import About
from linguagen.runtime.index.container import Container
from linguagen.runtime.index.values import Columns
from linguagen.runtime.reading.maker import Maker
from linguagen.runtime.vectors import unit_rows

TEACHER = "text-embedding-3-small"
MODEL, SIZE, ROWS, QUERIES, ROUNDS = f"{TEACHER}-1536", 128, 1_000_000, 200, 9
_BATCH = 4096
_HEAD = """# An index in one file

Made by `OMP_NUM_THREADS=1 python -m benchmarks.index_file`: one thread, medians of {rounds}. The vectors are the
{vectors:,} training vectors of text-embedding-3-small, {copies} times, cut to 1,000,000; queries are dev vectors.

## Search

{search}

Times are those of the processor. Recall@10 is that of the nearest ten of the {vectors:,} vectors, each once, against
exact search with the vectors themselves. Of the copies, the ten nearest are one vector, and the {many} nearest are
ten vectors. The trellis is searched by `TrellisCodec.search`, which keeps more neighbours and takes longer than both
peers; its time grows where many rows are nearly as near as the k-th.

## The file

{file}

Each row has an id, a year and a text of 100 characters. "Ready" is from opening the file until codes can be searched;
most of that of the flat file is the check of the model's own file."""


def median(call: Callable[[int], Any], clock: Callable[[], float] = time.process_time) -> float:
    """Seconds of a call that is given the number of its round: the median of ROUNDS."""
    seconds = []
    for number in range(ROUNDS):
        began = clock()
        call(number)
        seconds.append(clock() - began)
    return float(np.median(seconds))


def milliseconds(search: Callable[[np.ndarray], Any], queries: np.ndarray) -> str:
    """What a search for one of the queries (queries, dim) takes, one after another."""
    return f"{1000 * median(lambda number: search(queries[number : number + 1])):.0f}"


def recall(found: np.ndarray, exact: np.ndarray) -> float:
    """Share of exact neighbours (queries, 10) that were found (queries, 10)."""
    return float(np.mean([len(set(a) & set(b)) for a, b in zip(found.tolist(), exact.tolist(), strict=True)])) / 10


def repeated(rows: np.ndarray) -> np.ndarray:
    """Rows (rows, width) again and again, cut to (ROWS, width)."""
    return np.tile(rows, (-(-ROWS // len(rows)), 1))[:ROWS]


def faiss_peers(vectors: np.ndarray) -> dict[str, Any]:
    """Trained faiss indexes by name, still empty."""
    width = vectors.shape[1]
    peers = {
        "faiss PQ 128 x 8 bits": faiss.IndexPQ(width, SIZE, 8, faiss.METRIC_INNER_PRODUCT),
        "faiss RaBitQ, 1 bit": faiss.IndexRaBitQ(width, faiss.METRIC_INNER_PRODUCT),
    }
    for peer in peers.values():
        peer.train(vectors)
    return peers


def search_rows(vectors: np.ndarray, queries: np.ndarray, codec: TrellisCodec, codes: np.ndarray) -> list[list[str]]:
    """The table of searches.

    Args:
        vectors: (rows, dim), of length 1, rotated by the model.
        queries: (queries, dim), likewise.
        codec: of the codes.
        codes: (rows, SIZE).
    """
    many, exact = 10 * -(-ROWS // len(vectors)), np.argsort(-queries @ vectors.T, axis=1)[:, :10]
    whole = repeated(codes)
    line = ["LinguaGEN, trellis", str(SIZE), f"{recall(codec.search(queries, codes, 10, 1)[0], exact):.3f}"]
    for k in (10, many):
        search = partial(codec.search, codes=whole, k=k, threads=1)
        line.append(milliseconds(search, queries))
    lines, turn = [line], rotation_matrix(vectors.shape[1])  # RaBitQ expects vectors without main axes
    turned, asked = vectors @ turn, queries @ turn
    for name, peer in faiss_peers(turned).items():
        encoded = peer.sa_encode(turned)
        peer.add_sa_codes(encoded)
        line = [name, str(peer.sa_code_size()), f"{recall(peer.search(asked, 10)[1], exact):.3f}"]
        peer.reset()
        peer.add_sa_codes(repeated(encoded))
        for k in (10, many):
            search = partial(peer.search, k=k)
            line.append(milliseconds(search, asked))
        lines.append(line)
    return lines


def batches(codes: np.ndarray) -> Iterator[tuple[np.ndarray, Columns]]:
    """Codes (ROWS, SIZE) with columns, as a container takes them."""
    for first in range(0, ROWS, _BATCH):
        numbers = range(first, min(first + _BATCH, ROWS))
        texts = [f"{number:09d} " + "some words that are in a text " * 3 for number in numbers]
        yield codes[numbers.start : numbers.stop], {"id": list(numbers), "year": [2000] * len(numbers), "text": texts}


def file_rows(vectors: np.ndarray, codec: TrellisCodec, codes: np.ndarray, folder: Path) -> list[list[str]]:
    """The table of the file: what each step of its life takes.

    Args:
        vectors: (rows, 1536), as the model takes them.
        codec: of the codes.
        codes: (ROWS, SIZE).
        folder: to write to.
    """
    path, flat = folder / "index.db", folder / "index.safetensors"
    compressor = Compressor.load(MODEL, threads=1)
    maker = Maker(MODEL, compressor.manifest.file_sha256, codec.kind, codec.dim)
    began = time.perf_counter()
    Container.build(path, About(maker, SIZE, "id", "text"), batches(codes), path)
    lines = [["written, after its codes were made", f"{time.perf_counter() - began:.1f} s"]]
    lines.append(["size", f"{path.stat().st_size / 1e6:.0f} MB"])
    lines.append(["ready", f"{1000 * median(lambda _: len(Index.open(path)), time.perf_counter):.0f} ms"])
    with Index.open(path, threads=1) as index:
        index.write_flat(flat)
        index.search(vectors[0])
        add = median(lambda number: index.add(vectors[:1], ids=[ROWS + number]), time.perf_counter)
        remove = median(lambda number: index.remove([ROWS + number]), time.perf_counter)
    lines.append(["flat file, size", f"{flat.stat().st_size / 1e6:.0f} MB"])
    lines.append(["flat file, ready", f"{1000 * median(lambda _: len(Index.open(flat)), time.perf_counter):.0f} ms"])
    lines.append(["one row added", f"{1000 * add:.0f} ms"])
    lines.append(["one row removed", f"{1000 * remove:.0f} ms"])
    return lines


def main() -> None:
    """Measure and write the page."""
    faiss.omp_set_num_threads(1)
    compressor = Compressor.load(MODEL, threads=1)
    codec = compressor.byte_codec(SIZE)
    vectors = load_training(TEACHER)
    rotated = compressor.compress(vectors)
    queries = compressor.compress(load_part(TEACHER, "dev")[:QUERIES])
    codes = np.asarray(codec.encode(rotated), np.uint8)
    search = table(
        ["codes", "bytes", "recall@10", "ms, 10 nearest", "ms, 10 vectors"],
        search_rows(unit_rows(rotated, 0, "vectors")[0], queries, codec, codes),
    )
    with tempfile.TemporaryDirectory() as folder:
        file = table(["step", "1,000,000 rows"], file_rows(vectors, codec, repeated(codes), Path(folder)))
    copies = -(-ROWS // len(vectors))
    page = _HEAD.format(rounds=ROUNDS, vectors=len(vectors), copies=copies, many=10 * copies, search=search, file=file)
    (RESULTS / "index-file.md").write_text(page + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
