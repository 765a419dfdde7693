"""Open vectors in whatever form people hold them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from linguagen.models.errors import UsageError, VectorFileError
from linguagen.runtime.reading.array_files import NPY_MAGIC, VectorFile, open_fbin, open_fvecs, open_npy
from linguagen.runtime.reading.records import json_blocks, open_csv, open_json
from linguagen.runtime.reading.streams import StreamSource, open_npz, open_stdin
from linguagen.runtime.reading.tables import ARROW, HDF5, PARQUET, open_hdf5, open_table
from linguagen.runtime.vectors import FLOAT_TYPES

Source = VectorFile | StreamSource
STDIN = "-"
READABLE = ".npy, .npz, .fvecs, .fbin, .parquet, .arrow, .hdf5, .jsonl, .json, .csv"


def open_vectors(
    path: str | Path, width: int | None = None, column: str | None = None, types: Sequence[str] = FLOAT_TYPES
) -> Source:
    """Open vectors; only what tells shape and type is read.

    Args:
        path: a file whose ending says its format, `-` for standard input (.npy or JSON lines), or a .npy file by any
            name.
        width: how many numbers a vector must have; None for any.
        column: which column, array or dataset holds them, where a file has several.
        types: the element types that a .npy file may have.

    Raises:
        UsageError: no such file, a folder, no such column, or several that could be it.
        MissingExtraError: the format needs a package that is not installed.
        VectorFileError: not of its format, pickled, or cut short.
        VectorError: not float rows, or not of that width.
    """
    if str(path) == STDIN:
        return open_stdin(width, lambda file: json_blocks(file, "standard input"))
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(f"{path} {what}; expected a file of vectors: {READABLE}")
    kind = path.suffix.lower()
    if kind in _WITH_COLUMNS:
        return _WITH_COLUMNS[kind](path, width, column)
    if kind in _WITHOUT:
        return _WITHOUT[kind](path, width)
    if kind != ".npy" and not _is_npy(path):
        raise VectorFileError(f"{path}: its ending {kind!r} is none of {READABLE}, and it is no .npy file; convert it")
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
    with path.open("rb") as file:
        return file.read(len(NPY_MAGIC)) == NPY_MAGIC
