"""Vector files: read in windows, written whole or not at all."""

import contextlib
import os
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import UsageError, VectorFileError
from linguagen.runtime.vectors import check_layout

_NPY_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True)
class VectorFile:
    """A .npy file of vectors, opened but not read."""

    path: Path
    shape: tuple[int, int]
    dtype: np.dtype[np.generic]
    fortran: bool
    offset: int
    """Bytes before the first number."""

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return self.shape[1]

    def rows(self, start: int, stop: int) -> npt.NDArray[np.floating]:
        """Rows [start, stop), mapped for this window only, so that resident memory stays that of a window."""
        if self.fortran:
            return np.asarray(self.mapped()[start:stop])
        row_bytes = self.width * self.dtype.itemsize
        window: npt.NDArray[np.floating] = np.memmap(
            self.path,
            self.dtype,
            "r",
            self.offset + start * row_bytes,
            (min(stop, len(self)) - start, self.width),
        )
        return window

    def mapped(self) -> npt.NDArray[np.floating]:
        """The whole file, mapped, for picking rows at random."""
        order = "F" if self.fortran else "C"
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape, order)  # type: ignore[call-overload,no-any-return]

    def chunks(self, size: int) -> Iterator[tuple[int, npt.NDArray[np.floating]]]:
        """First row number and rows of one window after another."""
        for start in range(0, len(self), size):
            yield start, self.rows(start, start + size)


def open_vectors(path: str | Path, width: int | None = None) -> VectorFile:
    """Open a .npy file of vectors; only its header is read.

    Args:
        path: a .npy file, format 1 to 3, any byte order, C or Fortran order, float16/32/64, shape (rows, width).
        width: how many numbers a vector must have; None for any.

    Raises:
        UsageError: no such file, or a folder.
        VectorFileError: not a .npy file, pickled, or shorter than its header says.
        VectorError: not float rows, or not of that width.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(f"{path} {what}; expected a .npy file of vectors, shape (rows, width)")
    shape, fortran, dtype, offset = _read_header(path)
    if dtype.hasobject:
        raise VectorFileError(
            f"{path}: holds pickled Python objects, which are never loaded; "
            "save plain numbers: numpy.save(path, numpy.stack(list_of_vectors))"
        )
    check_layout(shape, dtype, width, str(path))
    expected, found = offset + shape[0] * shape[1] * dtype.itemsize, path.stat().st_size
    if found < expected:
        raise VectorFileError(
            f"{path}: cut short: its header promises {shape[0]} rows of {shape[1]} ({expected} bytes), "
            f"but the file has {found} bytes; copy it again"
        )
    return VectorFile(path, (shape[0], shape[1]), dtype, fortran, offset)


def _read_header(path: Path) -> tuple[tuple[int, ...], bool, np.dtype[np.generic], int]:
    with path.open("rb") as file:
        start = file.read(6)
        file.seek(0)
        if start != _NPY_MAGIC:
            found = "is empty" if not start else f"begins with {start!r}"
            raise VectorFileError(f"{path}: not a .npy file: it {found}; write it with numpy.save")
        try:
            version = np.lib.format.read_magic(file)
            # Version 3 differs from 2 by the header's encoding alone, and numpy's reader of 2 takes both.
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
        except (ValueError, SyntaxError, tokenize.TokenError) as error:
            raise VectorFileError(
                f"{path}: its .npy header cannot be read ({error}); write it with numpy.save"
            ) from error
        return shape, fortran, dtype, file.tell()


class NpyWriter:
    """Writes rows to a .npy file that appears under its name only when it is whole.

    Rows go to a temporary file beside the target, renamed on success; on any error it is removed and what stood
    under the name before stays.
    """

    def __init__(self, path: str | Path, rows: int, width: int, dtype: str | np.dtype[np.generic] = "<f4") -> None:
        self._dtype = np.dtype(dtype)
        self.path = Path(path)
        self._partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        self._shape = (rows, width)
        self._written = 0

    def __enter__(self) -> "NpyWriter":
        try:
            self._file = self._partial.open("wb")
        except OSError as error:
            raise VectorFileError(
                f"cannot write {self.path}: {error.strerror}; choose another place with -o"
            ) from error
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": self._shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        return self

    def write(self, rows: npt.NDArray[np.generic]) -> None:
        """Append rows (rows, width)."""
        try:
            self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).data)
        except OSError as error:
            raise VectorFileError(f"cannot write {self.path}: {error.strerror}; nothing was left there") from error
        self._written += len(rows)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            self._file.close()
            if kind is None:
                self._publish()
        except OSError as failure:
            raise VectorFileError(f"cannot write {self.path}: {failure.strerror}; nothing was left there") from failure
        finally:
            with contextlib.suppress(FileNotFoundError):
                self._partial.unlink()

    def _publish(self) -> None:
        if self._written != self._shape[0]:
            raise VectorFileError(
                f"{self.path}: {self._written} rows came, {self._shape[0]} were announced; not written"
            )
        with self._partial.open("rb") as written:
            os.fsync(written.fileno())
        self._partial.replace(self.path)
