"""Writes docs/results/c.md: the C library against onnxruntime, SentencePiece, numpy and faiss, in one run.

OMP_NUM_THREADS=1 python -m benchmarks.c
"""

import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import onnxruntime

from benchmarks.c_library import DIM, NEAREST, ROOT, Library, build
from benchmarks.pages import RESULTS, table
from linguagen.export.c.writer import export_table
from linguagen.models.catalogue import find_model
from linguagen.models.manifests.vectors import INPUT_NAME
from linguagen.runtime import Compressor, TextEncoder
from linguagen.runtime.codes.codec import Codec

MODEL, TEXT_MODEL = "text-embedding-3-small", "linguagen-en"
ROWS = 1_000_000
ROUNDS = 7
_COPIES = 10
_NUMPY_ROWS = 50_000
"""Rows that numpy scores at a time; all at once would need the decoded rows in memory."""
_KINDS = ("int8", "int4", "e8", "binary")
_HEAD = """# The C library

Made by `OMP_NUM_THREADS=1 python -m benchmarks.c`: one thread, AVX2, calls alternated, medians. Times are
those of the processor, so that other programs on the machine count less. Ratios are times over that of C: above 1, C is
faster."""
_FAISS = """faiss: `IndexScalarQuantizer` with 8 and 4 bits and inner product, and `IndexBinaryFlat`, which compares
bits with bits; C compares a float query with bits, which finds more of the neighbours. e8 has no counterpart in
faiss. The codes are those of 100,000 random rows, ten times."""
_LOST = """## Where it loses

{lost}

Without AVX2 (any processor but x86-64, or another compiler than gcc and clang) plain C runs; it gives the same
integers, and the compiler decides how fast. The kernels for NEON are tested in an emulator and have not been timed.
There are none for AVX-512 VNNI yet."""
_TEXT = """Texts are lines of this documentation, {characters:.0f} characters on average; one text is the shortest.
Both columns are the whole call of `TextEncoder.embed` with `engine="c"` and `engine="onnxruntime"`."""
_THREADS = """`codec.search` on two threads takes {ratio:.2f} of the time on one (elapsed time, int8, the same rows)."""


def medians(calls: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """Processor seconds of each call, alternated so that all of them meet the same noise: the median of ROUNDS rounds.

    Args:
        calls: by name.
        seconds: how long a round of one call lasts at least.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start, count = time.process_time(), 0
            while count == 0 or time.process_time() - start < seconds:
                call()
                count += 1
            found[name].append((time.process_time() - start) / count)
    return {name: float(np.median(times)) for name, times in found.items()}


def encoder_times(library: Library, count: int) -> dict[str, float]:
    """Seconds that each way takes to compress a number of rows."""
    compressor = Compressor.load(MODEL, threads=1, engine="onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(find_model(MODEL), options, providers=["CPUExecutionProvider"])
    rows = np.random.default_rng(0).standard_normal((count, 1536)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    calls = {
        "C": library.encoder(rows),
        "onnxruntime": lambda: session.run(None, {INPUT_NAME: rows}),
        "Compressor.compress": lambda: compressor.compress(rows),
    }
    return medians(calls, 0.1)


def text_times(count: int) -> dict[str, float]:
    """Seconds that each engine takes to embed a number of texts."""
    texts = some_texts(count)
    calls: dict[str, Callable[[], Any]] = {
        name: partial(TextEncoder.load(TEXT_MODEL, threads=1, engine=engine).embed, texts)
        for name, engine in (("C", "c"), ("onnxruntime", "onnxruntime"))
    }
    return medians(calls, 0.2)


def some_texts(count: int) -> list[str]:
    """Lines of the documentation, of 20 to 120 characters; the shortest if there is to be one."""
    lines = [line for path in sorted((ROOT / "docs").rglob("*.md")) for line in path.read_text().splitlines()]
    usable = [line for line in lines if 20 <= len(line) <= 120]
    return [min(usable, key=len)] if count == 1 else usable[:count]


def thread_ratio() -> float:
    """Elapsed time of a search on two threads, as a share of that on one; the best of alternated rounds of each."""
    codec = Compressor.load(MODEL, threads=1).codec("int8", DIM)
    rows = np.random.default_rng(1).standard_normal((ROWS // _COPIES, DIM), dtype=np.float32)
    codes = np.tile(codec.encode(rows / np.linalg.norm(rows, axis=1, keepdims=True)), (_COPIES, 1))
    times: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(5 * ROUNDS):
        for threads, found in times.items():
            start = time.perf_counter()
            codec.search(rows[:1], codes, NEAREST, threads)
            found.append(time.perf_counter() - start)
    return min(times[2]) / min(times[1])


def numpy_search(codec: Codec, query: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Row numbers (NEAREST,) of the best scores, window by window."""
    starts = range(0, len(codes), _NUMPY_ROWS)
    scores = np.concatenate([codec.score(query[None], codes[start : start + _NUMPY_ROWS])[0] for start in starts])
    return np.argpartition(-scores, NEAREST)[:NEAREST]


def faiss_index(kind: str, rows: np.ndarray) -> Any:
    """The flat index of faiss with codes of the same size, for copies of rows (n, DIM); None if it has no such kind."""
    if kind == "binary":
        bits = faiss.IndexBinaryFlat(DIM)
        for _ in range(_COPIES):
            bits.add(np.packbits(rows > 0, axis=1))
        return bits
    types = {"int8": faiss.ScalarQuantizer.QT_8bit, "int4": faiss.ScalarQuantizer.QT_4bit}
    if kind not in types:
        return None
    index = faiss.IndexScalarQuantizer(DIM, types[kind], faiss.METRIC_INNER_PRODUCT)
    index.train(rows[:20_000])
    for _ in range(_COPIES):
        index.add(rows)
    return index


def search_times(library: Library, kind: str) -> dict[str, float]:
    """Seconds that each way takes to search ROWS codes for one query."""
    codec = Compressor.load(MODEL, threads=1).codec(kind, DIM)
    generator = np.random.default_rng(1)
    rows = generator.standard_normal((ROWS // _COPIES, DIM), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    codes = np.tile(codec.encode(rows), (_COPIES, 1))
    query, index = rows[0].copy(), faiss_index(kind, rows)
    calls: dict[str, Callable[[], Any]] = {"C": library.searcher(codec, query, codes)}
    if index is not None:
        given = np.packbits(query > 0)[None] if kind == "binary" else query[None]
        calls["faiss"] = lambda: index.search(given, NEAREST)
    times = medians(calls, 0.2)
    start = time.process_time()
    numpy_search(codec, query, codes)
    return {**times, "numpy": time.process_time() - start}


def machine_code(folder: Path) -> int:
    """Bytes of code and constants of the library, compiled with -Os."""
    subprocess.run(["cc", "-Os", "-c", "linguagen.c", "-o", "size.o"], check=True, cwd=folder)
    shown = subprocess.run(["size", "size.o"], check=True, cwd=folder, capture_output=True, text=True).stdout
    return int(shown.splitlines()[1].split()[0])


def losses(
    encoding: dict[int, dict[str, float]],
    searching: dict[str, dict[str, float]],
    embedding: dict[int, dict[str, float]],
) -> list[str]:
    """A line for each case in which another way is faster than C."""
    slower = "at a time: onnxruntime is faster."
    return [
        *(f"* {count:,} vectors {slower}" for count, t in encoding.items() if t["onnxruntime"] < t["C"]),
        *(f"* {count:,} texts {slower}" for count, t in embedding.items() if t["onnxruntime"] < t["C"]),
        *(f"* {kind} search: faiss is faster." for kind, t in searching.items() if t.get("faiss", 9e9) < t["C"]),
    ]


def page(
    encoding: dict[int, dict[str, float]],
    searching: dict[str, dict[str, float]],
    embedding: dict[int, dict[str, float]],
    ratio: float,
    sizes: list[list[str]],
) -> str:
    """The whole page."""
    embedded = [[f"{n:,}", f"{1e6 * t['C'] / n:.0f}", f"{t['onnxruntime'] / t['C']:.2f}"] for n, t in embedding.items()]
    length = float(np.mean([len(text) for text in some_texts(max(embedding))]))
    encoded = [
        [
            f"{count:,}",
            f"{1e6 * t['C'] / count:.1f}",
            *(f"{t[n] / t['C']:.2f}" for n in ("onnxruntime", "Compressor.compress")),
        ]
        for count, t in encoding.items()
    ]
    searched = [
        [
            kind,
            f"{1e3 * t['C']:.0f} ms",
            f"{t['faiss'] / t['C']:.2f}" if "faiss" in t else "-",
            f"{t['numpy'] / t['C']:.0f}",
        ]
        for kind, t in searching.items()
    ]
    lost = losses(encoding, searching, embedding)
    head = ["rows", "C, us a row", "onnxruntime's call takes", "Compressor.compress takes"]
    return "\n\n".join(
        [
            _HEAD,
            f"## Compress vectors ({MODEL}, int8)\n\n{table(head, encoded)}",
            f"## Search {ROWS:,} codes of {DIM} dimensions for the best {NEAREST}\n\n"
            + table(["codes", "C", "faiss, codes of the same size, takes", "numpy (`Codec.score`) takes"], searched),
            _FAISS,
            _THREADS.format(ratio=ratio),
            f"## Embed texts ({TEXT_MODEL}, int8)\n\n{table(['texts', 'C, us a text', 'onnxruntime takes'], embedded)}",
            _TEXT.format(characters=length),
            f"## Sizes\n\n{table(['', 'bytes'], sizes)}",
            _LOST.format(lost="\n".join(lost) or "Nowhere in these tables."),
        ]
    )


def main() -> None:
    """Measure and write the page."""
    faiss.omp_set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        exported = export_table(find_model(MODEL), "table", folder / "m.lgt")
        library = Library(build(folder), exported.path)
        encoding = {count: encoder_times(library, count) for count in (1, 8, 64, 1024)}
        embedding = {count: text_times(count) for count in (1, 16, 1000)}
        searching = {kind: search_times(library, kind) for kind in _KINDS}
        one, many = library.scratch_sizes(1, "int8"), library.scratch_sizes(1024, "e8")
        sizes = [
            ["machine code and constants (`cc -Os`)", f"{machine_code(folder):,}"],
            [f"table of {MODEL}", f"{exported.size:,}"],
            [f"table of {TEXT_MODEL}", f"{export_table(find_model(TEXT_MODEL), 'table', folder / 't.lgt').size:,}"],
            ["scratch memory to compress one row; 32 or more", f"{one[0]:,}; {many[0]:,}"],
            ["scratch memory to search int8; e8 and binary", f"{one[1]:,}; {many[1]:,}"],
        ]
    text = page(encoding, searching, embedding, thread_ratio(), sizes)
    print(text)
    (RESULTS / "c.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
