"""Compress a file of any size in bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from linguagen.models.errors import UsageError
from linguagen.runtime.codes import Codec, Codes
from linguagen.runtime.compressor import CHUNK_ROWS, Compressor
from linguagen.runtime.formats import NpyWriter, VectorFile
from linguagen.runtime.vectors import unit_rows

T = TypeVar("T")


@dataclass(frozen=True)
class CompressReport:
    """What was done to a file."""

    rows: int
    scaled_rows: int
    """Rows that were not of length 1 and were scaled to it."""
    bytes_before: int
    bytes_after: int


def default_output(source: Path, codec: Codec) -> Path:
    """`vectors.npy` becomes `vectors.256.npy`, or `vectors.256.int8.npy`, in the same folder."""
    kind = "" if codec.kind == "float32" else f".{codec.kind}"
    return source.with_name(f"{source.stem}.{codec.dim}{kind}.npy")


def compress_file(
    compressor: Compressor,
    source: VectorFile,
    output: Path,
    codec: Codec,
    advance: Callable[[int], None],
    workers: int = 1,
) -> CompressReport:
    """Compress a file, window by window; the output appears only when it is whole.

    Reading, checking and computing of different windows go on side by side, so that no core waits for the disk.

    Args:
        compressor: the model; with several workers, one loaded with threads=1, since each worker is a thread.
        source: an opened file of (rows, input_dim).
        output: where the .npy file of codes goes, (rows, codec's columns).
        codec: how embeddings are written.
        advance: told the number of rows just finished.
        workers: windows worked on at a time.

    Raises:
        UsageError: the output is the input.
        VectorError: rows that are zero or not finite.
        VectorFileError: the output cannot be written.
    """
    if output.resolve() == source.path.resolve():
        raise UsageError(f"the output {output} is the input itself; choose another name with -o")

    def work(start: int) -> tuple[Codes, int]:
        rows, off = unit_rows(source.rows(start, start + CHUNK_ROWS), start, str(source.path))
        return codec.encode(compressor.encode(rows)), off

    scaled = 0
    with NpyWriter(output, len(source), codec.columns, codec.dtype) as writer, ThreadPoolExecutor(workers) as pool:
        for codes, off in _in_order(pool, work, range(0, len(source), CHUNK_ROWS), 2 * workers):
            writer.write(codes)
            scaled += off
            advance(len(codes))
    return CompressReport(len(source), scaled, source.path.stat().st_size, output.stat().st_size)


def _in_order(pool: Executor, work: Callable[[int], T], items: Iterable[int], ahead: int) -> Iterator[T]:
    """Results in the items' order, at most `ahead` of them begun before they are asked for: memory stays flat."""
    begun: deque[Future[T]] = deque()
    try:
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) >= ahead:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        for future in begun:
            future.cancel()
