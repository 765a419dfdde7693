"""Opens vectors in every format that is read."""

from collections.abc import Callable, Sequence
from pathlib import Path

from linguagen.models.errors import UsageError, VectorFileError
from linguagen.runtime.reading.array_files import NPY_MAGIC, VectorFile, open_fbin, open_fvecs, open_npy
from linguagen.runtime.reading.records import json_blocks, open_csv, open_json
from linguagen.runtime.reading.streams import StreamSource, open_npz, open_stdin
from linguagen.runtime.reading.tables import ARROW, HDF5, PARQUET, open_hdf5, open_table
from linguagen.runtime.vectors import FLOAT_TYPES

Source = VectorFile | StreamSource
"""An opened file of vectors (rows, width)."""
STDIN = "-"
READABLE = ".npy, .npz, .fvecs, .fbin, .parquet, .arrow, .hdf5, .jsonl, .json, .csv"


def open_vectors(
    path: str | Path, width: int | None = None, column: str | None = None, types: Sequence[str] = FLOAT_TYPES
) -> Source:
    """Open a file of vectors, of which only shape and element type are read yet.

    Args:
        path: a file whose ending says its format, a .npy file with any ending, or `-` for standard input (.npy or JSON
            lines).
        width: how many numbers a vector must have; None for any.
        column: column, array or dataset that holds the vectors, if the file has several.
        types: element types that a .npy file may have.

    Raises:
        UsageError: there is no such file or column, the path is a folder, or several columns could hold the vectors.
        MissingExtraError: the format needs a package that is not installed.
        VectorFileError: the file is not of its format, is incomplete, or holds pickled objects.
        VectorError: the rows are not floats, or not of that width.
    """
    if str(path) == STDIN:
        return open_stdin(width, lambda file: json_blocks(file, "standard input"))
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is no regular file" if path.exists() else "does not exist"
        raise UsageError(f"{path} {what}; expected a file of vectors: {READABLE}")
    kind = path.suffix.lower()
    if kind in _WITH_COLUMNS:
        return _WITH_COLUMNS[kind](path, width, column)
    if kind in _WITHOUT:
        return _WITHOUT[kind](path, width)
    if kind != ".npy" and not _is_npy(path):
        raise VectorFileError(
            f"{path}: its ending {kind!r} is none of {READABLE}, and it is not a .npy file; convert it"
        )
    return open_npy(path, width, types)


_WITH_COLUMNS: dict[str, Callable[[Path, int | None, str | None], Source]] = {
    **dict.fromkeys((*PARQUET, *ARROW), open_table),
    **dict.fromkeys(HDF5, open_hdf5),
    ".npz": open_npz,
    ".csv": open_csv,
}
_WITHOUT: dict[str, Callable[[Path, int | None], Source]] = {
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), open_json),
    ".fvecs": open_fvecs,
    ".fbin": open_fbin,
}


def _is_npy(path: Path) -> bool:
    """True if the file begins as a .npy file does."""
    with path.open("rb") as file:
        return file.read(len(NPY_MAGIC)) == NPY_MAGIC
