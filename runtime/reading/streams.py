"""Vectors that can only be read from the beginning: .npz, standard input, text, tables."""

import lzma
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from linguagen.models.errors import UsageError, VectorError, VectorFileError
from linguagen.runtime.reading.array_files import NPY_MAGIC, Rows, Window, read_npy_header
from linguagen.runtime.vectors import CHUNK_ROWS, check_layout

_UNREADABLE = (NotImplementedError, RuntimeError, KeyError, IndexError, struct.error)
"""What zipfile raises for unknown compression, passwords, and archives that contradict themselves."""


@dataclass(frozen=True, eq=False)
class StreamSource:
    """Vectors (rows, width) that are read in blocks of any size, from the beginning."""

    path: Path
    """Path of the file; `-` for standard input."""
    width: int
    """Numbers in a vector."""
    rows_known: int | None
    """Rows in the file; None if they can only be counted by reading."""
    blocks: Callable[[], Iterable[Rows]]
    """Reads blocks (rows, width) from the beginning."""

    @property
    def origin(self) -> str:
        """What messages call the file."""
        return "standard input" if str(self.path) == "-" else str(self.path)

    def windows(self, size: int, start: int = 0) -> Iterator[Window]:
        """Yield windows of `size` rows, from row `start` on; the rows before it are read and skipped."""
        held: list[Rows] = []
        first, skip, count = start, start, 0
        for block in self.blocks():
            rows, skip = block[skip:], max(0, skip - len(block))
            held.append(rows)
            count += len(rows)
            while count >= size:
                joined = np.concatenate(held) if len(held) > 1 else held[0]
                yield first, lambda window=joined[:size]: window  # type: ignore[misc]
                held, first, count = [joined[size:]], first + size, count - size
        if count:
            yield first, lambda: np.concatenate(held)

    def chunks(self, size: int) -> Iterator[tuple[int, Rows]]:
        """Read windows of `size` rows: yields the number of the first row, and the rows (rows, width)."""
        for first, read in self.windows(size):
            yield first, read()


def from_blocks(path: Path, blocks: Callable[[], Iterator[Rows]], width: int | None) -> StreamSource:
    """Open blocks (rows, width) of unknown number, whose first block is read now; errors as in `first_width`."""
    return StreamSource(path, first_width(blocks(), width, str(path)), None, blocks)


def first_width(blocks: Iterator[Rows], width: int | None, origin: str) -> int:
    """Read the first block that has rows, and return its width.

    Args:
        blocks: blocks (rows, width), all of one width.
        width: how many numbers a vector must have; None for any.
        origin: what messages call the file.

    Raises:
        VectorError: the vectors have another width.
        VectorFileError: there are no rows.
    """
    first = next((block for block in blocks if len(block)), None)
    if first is None:
        raise VectorFileError(f"{origin}: holds no vectors; expected at least one row")
    check_layout(first.shape, first.dtype, width, origin)
    return int(first.shape[1])


def open_npz(path: Path, width: int | None, column: str | None) -> StreamSource:
    """Open an array of a .npz file, which is decompressed as it is read; arguments and errors as in `open_vectors`."""
    with _zip(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
        if column is None and len(names) != 1:
            raise UsageError(
                f"{path}: holds {len(names)} arrays ({', '.join(names[:10]) or 'none'}); choose one with --column"
            )
        name = column or names[0]
        if name not in names:
            raise UsageError(f"{path}: has no array {name!r}; it has {', '.join(names[:10])}")
        with archive.open(f"{name}.npy") as file:
            shape, fortran, dtype = read_npy_header(file, f"{path}, array {name}")  # type: ignore[arg-type]
    check_layout(shape, dtype, width, f"{path}, array {name}")
    if fortran:
        raise VectorFileError(
            f"{path}, array {name}: is in Fortran order, which cannot be read row by row from a compressed file; "
            "save it with numpy.ascontiguousarray, or as .npy"
        )

    def blocks() -> Iterator[Rows]:
        """Read blocks (rows, width) from the beginning."""
        with _zip(path) as archive, archive.open(f"{name}.npy") as file:
            read_npy_header(file, str(path))  # type: ignore[arg-type]
            yield from _npy_blocks(file, (shape[0], shape[1]), dtype, str(path))  # type: ignore[arg-type]

    return StreamSource(path, shape[1], shape[0], blocks)


def open_stdin(width: int | None, text: Callable[[BinaryIO], Iterator[Rows]]) -> StreamSource:
    """Open vectors from standard input: a .npy file, or JSON lines, from which `text` reads blocks (rows, width)."""
    file: Any = sys.stdin.buffer
    magic = file.peek(len(NPY_MAGIC))[: len(NPY_MAGIC)]
    if magic != NPY_MAGIC:
        if magic[:1] not in (b"{", b"["):
            raise VectorFileError(
                f"standard input: begins with {magic!r}, expected a .npy file or JSON lines; "
                "name a file for other formats"
            )
        rows = text(file)
        first = next(rows, None)
        if first is None:
            raise VectorFileError("standard input: holds no vectors; expected at least one row")
        check_layout(first.shape, first.dtype, width, "standard input")
        return StreamSource(Path("-"), first.shape[1], None, lambda: chain([first], rows))
    shape, fortran, dtype = read_npy_header(file, "standard input")
    check_layout(shape, dtype, width, "standard input")
    if fortran:
        raise VectorFileError("standard input: is in Fortran order, which cannot be read row by row; name the file")
    return StreamSource(
        Path("-"), shape[1], shape[0], lambda: _npy_blocks(file, (shape[0], shape[1]), dtype, "standard input")
    )


def _npy_blocks(file: BinaryIO, shape: tuple[int, int], dtype: np.dtype[np.generic], origin: str) -> Iterator[Rows]:
    """Read blocks (rows, width) of the array after a .npy header; memory is taken for rows that are there only."""
    row_bytes = shape[1] * dtype.itemsize
    for first in range(0, shape[0], CHUNK_ROWS):
        expected = min(CHUNK_ROWS, shape[0] - first) * row_bytes
        data = file.read(expected)
        while len(data) < expected and (more := file.read(expected - len(data))):
            data += more
        if len(data) < expected:
            raise VectorFileError(
                f"{origin}: cut short: its header promises {shape[0]} rows of {shape[1]}, but it ends in row "
                f"{first + len(data) // row_bytes}; copy it again"
            )
        yield np.frombuffer(data, dtype).reshape(-1, shape[1])


@contextmanager
def _zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a .npz file; whatever zipfile and zlib raise becomes a VectorFileError."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except VectorError:
        raise
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, *_UNREADABLE) as error:
        raise VectorFileError(f"{path}: not a .npz file, or damaged ({error}); write it with numpy.savez") from error
