"""Rows to a .npy file, block by block."""

import io
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import VectorFileError
from linguagen.runtime.writing.target import file_target
from linguagen.runtime.writing.whole_file import open_new, publish, temporary_path, whole_output


class NpyWriter:
    """Writes rows (rows, width) to a .npy file that appears under its name only when it is whole.

    Use it as a context manager. After an error, the file that had this name before is still there. Into a pipe or a
    device the rows are copied when they are whole.
    """

    def __init__(self, path: str | Path, rows: int, width: int, dtype: str | np.dtype[np.generic] = "<f4") -> None:
        """Announce the file: `rows` rows of `width` numbers of type `dtype`."""
        self.path = Path(path)
        self._dtype = np.dtype(dtype)
        self._exits = ExitStack()
        self._shape = (rows, width)
        self._written = 0

    def __enter__(self) -> "NpyWriter":
        with ExitStack() as exits:
            self._target = file_target(exits.enter_context(whole_output(self.path)))
            self._partial = temporary_path(self._target)
            try:
                self._file = open_new(self._partial)
            except OSError as error:
                raise VectorFileError(
                    f"cannot write {self.path}: {error.strerror}; choose another place with -o"
                ) from error
            self._exits = exits.pop_all()
        self._file.write(npy_header(self._shape, self._dtype))
        return self

    def write(self, rows: npt.NDArray[np.generic]) -> None:
        """Append rows (rows, width).

        Raises:
            VectorFileError: the disk is full or gone.
        """
        try:
            self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).data)
        except OSError as error:
            raise self._unwritten(error) from error
        self._written += len(rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._exits:
            self._finish(kind is None)
            if error is not None:
                raise error

    def _finish(self, succeeded: bool) -> None:
        """Close the file, and give it its name if all rows came."""
        try:
            self._file.close()
            if succeeded:
                if self._written != self._shape[0]:
                    raise VectorFileError(
                        f"{self.path}: {self._written} rows came, {self._shape[0]} were announced; not written"
                    )
                publish(self._partial, self._target)
        except OSError as failure:
            raise self._unwritten(failure) from failure
        finally:
            self._partial.unlink(missing_ok=True)

    def _unwritten(self, error: OSError) -> VectorFileError:
        """The error to raise when the disk refuses a write."""
        return VectorFileError(f"cannot write {self.path}: {error.strerror}; nothing was left there")


def npy_header(shape: tuple[int, int], dtype: np.dtype[np.generic]) -> bytes:
    """The version 1 header of a .npy file: 128 bytes for any number of rows, since numpy leaves room to grow."""
    buffer = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue()
