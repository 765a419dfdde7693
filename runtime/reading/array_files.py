"""Files in which every row takes the same number of bytes, so that any row can be read: .npy, .fvecs and .fbin.

Rows are read, not mapped, so that resident memory is that of a window, and a file that shrinks while it is read
causes an error instead of a signal.
"""

import threading
import tokenize
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import VectorFileError
from linguagen.runtime.vectors import FLOAT_TYPES, Indices, check_layout

NPY_MAGIC = b"\x93NUMPY"
_kept = threading.local()
Rows = npt.NDArray[Any]
Window = tuple[int, Callable[[], Rows]]
"""Number of the first row, and a function that reads the rows (rows, width), perhaps in another thread."""


@dataclass(frozen=True)
class VectorFile:
    """A file of vectors (rows, width), opened but not read."""

    path: Path
    shape: tuple[int, int]
    """Rows and width."""
    dtype: np.dtype[np.generic]
    fortran: bool
    """True if the numbers of a column, not those of a row, follow each other."""
    offset: int
    """Bytes before the first row."""
    prefix: int = 0
    """Bytes before the numbers of each row."""

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def rows_known(self) -> int | None:
        """Rows in the file; a stream may not know them."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return self.shape[1]

    @property
    def origin(self) -> str:
        """What messages call the file."""
        return str(self.path)

    @property
    def row_bytes(self) -> int:
        """Bytes from one row to the next."""
        return self.prefix + self.width * self.dtype.itemsize

    def rows(self, start: int, stop: int) -> Rows:
        """Read the rows from `start` to before `stop`: (stop - start, width), or fewer at the end of the file.

        Raises:
            VectorFileError: the file has become shorter since it was opened.
        """
        return self._rows(start, stop, np.empty)

    def picked(self, numbers: Indices) -> Rows:
        """The rows (count, width) of these numbers (count,), read at random through a memory map.

        Raises:
            VectorFileError: a row declares another width.
        """
        if self.prefix:
            raw = np.memmap(self.path, np.uint8, "r", self.offset, (len(self), self.row_bytes))
            return self._without_prefix(raw[numbers], numbers)
        order = "F" if self.fortran else "C"
        mapped = np.memmap(self.path, self.dtype, "r", self.offset, self.shape, order)  # type: ignore[call-overload]
        return mapped[numbers]  # type: ignore[no-any-return]

    def chunks(self, size: int) -> Iterator[tuple[int, Rows]]:
        """Read windows of `size` rows: yields the number of the first row, and the rows (rows, width)."""
        for first in range(0, len(self), size):
            yield first, self.rows(first, first + size)

    def windows(self, size: int, start: int = 0) -> Iterator[Window]:
        """Yield windows of `size` rows, from row `start` on, which are read when their function is called.

        The rows are valid until the same thread reads another window: fresh memory for each would take four times as
        long as reading.
        """
        for first in range(start, len(self), size):
            yield first, lambda first=first: self._rows(first, first + size, _reused)  # type: ignore[misc]

    def _rows(self, start: int, stop: int, allocate: Callable[[tuple[int, int], np.dtype[Any]], Rows]) -> Rows:
        """Read rows (rows, width) into memory that `allocate` gives for a shape and an element type."""
        count = max(0, min(stop, len(self)) - start)
        if self.fortran:
            return self._fortran_rows(start, count)
        data = allocate((count, self.row_bytes), np.dtype(np.uint8))
        self._read(data, self.offset + start * self.row_bytes)
        return self._without_prefix(data, np.arange(start, start + count))

    def _without_prefix(self, data: npt.NDArray[np.uint8], numbers: Indices) -> Rows:
        """The numbers (rows, width) in the bytes of rows (rows, row_bytes), whose own widths are checked.

        Args:
            data: the bytes.
            numbers: the rows' numbers in the file, (rows,).

        Raises:
            VectorFileError: a row declares another width than the first of the file.
        """
        if self.prefix:
            declared = np.ascontiguousarray(data[:, : self.prefix]).view("<i4")[:, 0]  # (rows,)
            wrong = np.flatnonzero(declared != self.width)
            if len(wrong):
                raise VectorFileError(
                    f"{self.path}: row {numbers[wrong[0]]} (counted from 0) declares a width of {declared[wrong[0]]}, "
                    f"but the first row has {self.width}; write the file again, with rows of one width"
                )
        return data[:, self.prefix :].view(self.dtype)

    def _fortran_rows(self, start: int, count: int) -> Rows:
        """Read `count` rows (count, width) of a file in Fortran order, column by column."""
        columns = np.empty((self.width, count), dtype=self.dtype)
        for number, column in enumerate(columns):
            self._read(column, self.offset + (number * len(self) + start) * self.dtype.itemsize)
        return columns.T

    def _read(self, target: Rows, place: int) -> None:
        """Fill an array of any shape with the bytes of the file from byte `place` on."""
        if target.size == 0:
            return
        with self.path.open("rb", buffering=0) as file:
            file.seek(place)
            view, got = target.data.cast("B"), 0
            while got < len(view):
                read = file.readinto(view[got:])
                if not read:
                    raise VectorFileError(
                        f"{self.path}: ended at byte {place + got} while it was read, though it was longer when it was "
                        "opened; copy it again, and let nothing write to it"
                    )
                got += read


def _reused(shape: tuple[int, int], dtype: np.dtype[Any]) -> Rows:
    """An array (rows, width) of this shape, in memory that this thread keeps for its windows."""
    size = shape[0] * shape[1] * dtype.itemsize
    if getattr(_kept, "memory", np.empty(0)).nbytes < size:
        _kept.memory = np.empty(size, dtype=np.uint8)
    return np.asarray(_kept.memory[:size].view(dtype).reshape(shape))


def open_npy(path: Path, width: int | None, types: Sequence[str] = FLOAT_TYPES) -> VectorFile:
    """Open a .npy file of any version, byte order and memory order; arguments and errors as in `open_vectors`."""
    with path.open("rb") as file:
        magic = file.read(6)
        file.seek(0)
        if magic != NPY_MAGIC:
            found = "is empty" if not magic else f"begins with {magic!r}"
            raise VectorFileError(f"{path}: not a .npy file: it {found}; write it with numpy.save")
        shape, fortran, dtype = read_npy_header(file, str(path))
        offset = file.tell()
    check_layout(shape, dtype, width, str(path), types)
    found_bytes, expected = path.stat().st_size, offset + shape[0] * shape[1] * dtype.itemsize
    if found_bytes < expected:
        raise VectorFileError(
            f"{path}: cut short: its header promises {shape[0]} rows of {shape[1]} ({expected} bytes), "
            f"but the file has {found_bytes} bytes; copy it again"
        )
    return VectorFile(path, (shape[0], shape[1]), dtype, fortran, offset)


def read_npy_header(file: BinaryIO, origin: str) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Read the header of a .npy file: shape, whether the order is Fortran's, and element type.

    Raises:
        VectorFileError: numpy does not understand the header, or the array holds pickled objects.
    """
    try:
        version = np.lib.format.read_magic(file)
        # Version 3 differs from 2 only in the header's encoding, and numpy's reader of version 2 accepts both.
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except (ValueError, SyntaxError, TypeError, tokenize.TokenError, MemoryError, RecursionError) as error:
        raise VectorFileError(
            f"{origin}: its .npy header cannot be read ({str(error)[:200]}); write it with numpy.save"
        ) from error
    if dtype.hasobject:
        raise VectorFileError(
            f"{origin}: holds pickled Python objects, which are never loaded; "
            "save plain numbers: numpy.save(path, numpy.stack(list_of_vectors))"
        )
    if min(shape, default=0) < 0:
        raise VectorFileError(
            f"{origin}: its .npy header has the shape {shape}, and no size is below 0; write it again"
        )
    return shape, fortran, dtype


def open_fvecs(path: Path, width: int | None) -> VectorFile:
    """Open a .fvecs file, whose rows are their width as int32 and then float32; errors as in `open_vectors`."""
    size = path.stat().st_size
    found = _header(path, 1)[0]
    row_bytes = 4 + 4 * found
    if found < 1 or size % row_bytes:
        raise VectorFileError(
            f"{path}: not a whole .fvecs file: it begins with a width of {found}, whose rows of {row_bytes} bytes do "
            f"not fill its {size} bytes; copy it again"
        )
    check_layout((size // row_bytes, found), np.dtype("<f4"), width, str(path))
    return VectorFile(path, (size // row_bytes, found), np.dtype("<f4"), False, 0, prefix=4)


def open_fbin(path: Path, width: int | None) -> VectorFile:
    """Open a .fbin file: rows and width as int32, then float32; errors as in `open_vectors`."""
    rows, found = _header(path, 2)
    expected, size = 8 + 4 * rows * found, path.stat().st_size
    if rows < 0 or found < 1 or size != expected:
        raise VectorFileError(
            f"{path}: not a whole .fbin file: its header promises {rows} rows of {found} ({expected} bytes), "
            f"but the file has {size} bytes; copy it again"
        )
    check_layout((rows, found), np.dtype("<f4"), width, str(path))
    return VectorFile(path, (rows, found), np.dtype("<f4"), False, 8)


def _header(path: Path, numbers: int) -> list[int]:
    """The first int32 numbers of a file."""
    with path.open("rb") as file:
        data = file.read(4 * numbers)
    if len(data) < 4 * numbers:
        raise VectorFileError(f"{path}: only {len(data)} bytes, too few for a header of {4 * numbers}; copy it again")
    return [int(number) for number in np.frombuffer(data, "<i4")]
