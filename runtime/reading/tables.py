"""Vectors in tables: .parquet and .arrow through pyarrow, .hdf5 through h5py, extras that are imported when needed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from linguagen.models.errors import MissingExtraError, UsageError, VectorError, VectorFileError
from linguagen.runtime.reading.array_files import Rows
from linguagen.runtime.reading.streams import StreamSource, first_width
from linguagen.runtime.vectors import FLOAT_TYPES, check_layout

_BATCH_ROWS = 4096
_INDEX = re.compile("__index_level_[0-9]+__")
"""Name of a column that pandas writes for an index without a name."""
PARQUET, ARROW, HDF5 = (".parquet",), (".arrow", ".feather"), (".hdf5", ".h5")


@dataclass(frozen=True, eq=False)
class TableSource(StreamSource):
    """Vectors (rows, width) in one column of a table."""

    column: str
    """Name of the column of vectors."""
    names: list[str]
    """Names of all columns, in their order."""

    def types(self) -> list[tuple[str, Any]]:
        """Names and Arrow types of all columns, in their order."""
        schema = describe_table(self.path)[0]
        return list(zip(schema.names, schema.types, strict=True))

    def others(self) -> Iterator[Any]:
        """Read the record batches of the other columns, from the beginning."""
        return table_batches(self.path, [name for name in self.names if name != self.column])


def open_table(path: Path, width: int | None, column: str | None) -> TableSource:
    """Open a column of lists of floats; errors as in `open_vectors`.

    Args:
        path: a .parquet, .arrow or .feather file.
        width: how many numbers a vector must have; None for any.
        column: name of the column; None for the only one that fits.
    """
    schema, rows = describe_table(path)
    name = column or _find_column(path, schema, width)
    if name not in schema.names:
        raise UsageError(f"{path}: has no column {name!r}; it has {', '.join(schema.names)}")
    origin = f"{path}, column {name}"
    if not is_vectors(schema.field(name).type):
        raise UsageError(
            f"{origin}: holds {schema.field(name).type}, expected lists of floats; choose another --column"
        )

    def blocks() -> Iterator[Rows]:
        """Read blocks (rows, width) from the beginning."""
        first, known = 0, width
        for batch in table_batches(path, [name]):
            block = _to_numpy(batch.column(0), origin, first, known)
            first, known = first + len(block), block.shape[1]
            yield block

    return TableSource(path, first_width(blocks(), width, origin), rows, blocks, name, list(schema.names))


def table_batches(path: Path, columns: list[str] | None = None) -> Iterator[Any]:
    """Read the record batches of a table file, with all columns or some.

    Raises:
        VectorFileError: the file is damaged.
    """
    arrow = import_arrow()
    try:
        if path.suffix.lower() in PARQUET:
            import pyarrow.parquet

            with pyarrow.parquet.ParquetFile(path) as file:
                yield from file.iter_batches(_BATCH_ROWS, columns=columns)
            return
        with arrow.OSFile(str(path), "rb") as raw, arrow.ipc.open_file(raw) as file:
            for number in range(file.num_record_batches):
                batch = file.get_batch(number)
                for first in range(0, batch.num_rows, _BATCH_ROWS):
                    part = batch.slice(first, _BATCH_ROWS)
                    yield part if columns is None else part.select(columns)
    except (arrow.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def open_hdf5(path: Path, width: int | None, column: str | None) -> StreamSource:
    """Open a dataset of an .hdf5 file, such as `train` of ann-benchmarks; arguments and errors as in `open_vectors`."""
    h5py = import_h5py()
    try:
        with h5py.File(path, "r") as file:
            _refuse_link(h5py, file, path, column)
            names = [name for name in file if _is_matrix(h5py, file, name)]
            floats = [name for name in names if file[name].dtype.name in FLOAT_TYPES]
            fitting = [name for name in floats if width in (None, file[name].shape[1])] or floats
            if column is None and len(fitting) != 1:
                raise UsageError(
                    f"{path}: {len(fitting)} of its datasets could be the vectors "
                    f"({', '.join(fitting or list(file)) or 'none'}); choose one with --column"
                )
            name = column or fitting[0]
            if name not in names:
                raise UsageError(
                    f"{path}: has no two-dimensional dataset {name!r}; it has {', '.join(names) or 'none'}"
                )
            shape, dtype = file[name].shape, file[name].dtype
            if file[name].is_virtual or file[name].external:
                raise VectorFileError(
                    f"{path}, dataset {name}: its numbers are in other files, which are not read; copy them into one"
                )
    except VectorError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise _damaged(path, error) from error
    check_layout(shape, dtype, width, f"{path}, dataset {name}")

    def blocks() -> Iterator[Rows]:
        """Read blocks (rows, width) from the beginning."""
        try:
            with h5py.File(path, "r") as file:
                for first in range(0, shape[0], _BATCH_ROWS):
                    yield file[name][first : first + _BATCH_ROWS]
        except OSError as error:
            raise _damaged(path, error) from error

    return StreamSource(path, shape[1], shape[0], blocks)


def _refuse_link(h5py: Any, file: Any, path: Path, name: str | None) -> None:
    """Refuse a dataset by name that is a link to another place or file.

    Raises:
        UsageError: it is.
    """
    if name not in list(file):  # `in file` would follow the link
        return
    link = file.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        where = " in ".join(filter(None, (link.path, getattr(link, "filename", ""))))
        raise UsageError(f"{path}: {name!r} is a link to {where}, and links are not followed; copy the dataset here")


def _is_matrix(h5py: Any, file: Any, name: str) -> bool:
    """True if a name in a file is a two-dimensional dataset; links to other places or files are not followed."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        return False
    item = file[name]
    return bool(isinstance(item, h5py.Dataset) and item.ndim == 2)


def import_arrow() -> Any:
    """Import pyarrow.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    return _import("pyarrow.ipc", ".parquet and .arrow need pyarrow", "pyarrow")


def import_h5py() -> Any:
    """Import h5py.

    Raises:
        MissingExtraError: h5py is not installed.
    """
    return _import("h5py", ".hdf5 needs h5py", "h5py")


def _import(module: str, need: str, package: str) -> Any:
    """Import a module and return its top-level package; `need` and `package` are for the error if it is missing."""
    try:
        return __import__(module)
    except ImportError as error:
        raise MissingExtraError.of(need, error, package) from error


def _damaged(path: Path, error: Exception) -> VectorFileError:
    """The error to raise when a library cannot read a file."""
    return VectorFileError(f"{path}: cannot be read as {path.suffix} ({str(error)[:160]}); write or copy it again")


def describe_table(path: Path) -> tuple[Any, int]:
    """The schema of a table file and its number of rows."""
    arrow = import_arrow()
    try:
        if path.suffix.lower() in PARQUET:
            import pyarrow.parquet

            with pyarrow.parquet.ParquetFile(path) as file:
                return file.schema_arrow, file.metadata.num_rows
        with arrow.OSFile(str(path), "rb") as raw, arrow.ipc.open_file(raw) as file:
            return file.schema, sum(file.get_batch(number).num_rows for number in range(file.num_record_batches))
    except (arrow.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def is_vectors(kind: Any) -> bool:
    """True if an Arrow type is lists of floats."""
    types = import_arrow().types
    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(lists and types.is_floating(kind.value_type))


def _find_column(path: Path, schema: Any, width: int | None) -> str:
    """The name of the only column of lists of floats; of several, the only one of fixed size `width`."""
    lists = [field for field in schema if is_vectors(field.type)]
    sized = [field for field in lists if getattr(field.type, "list_size", None) == width]
    for found in (lists, sized):
        if len(found) == 1:
            return str(found[0].name)
    numbers = [field for field in schema if import_arrow().types.is_floating(field.type)]
    if not lists and len(numbers) > 1:
        raise UsageError(
            f"{path}: has {len(numbers)} columns of single numbers and none of lists of floats; save the vectors as "
            "one column: pandas.DataFrame({'embedding': list(vectors)})"
        )
    names = [field.name for field in lists or schema if not _INDEX.fullmatch(field.name)]
    raise UsageError(
        f"{path}: {len(lists)} of its columns hold lists of floats ({', '.join(names[:10])}); choose one with --column"
    )


def _to_numpy(column: Any, origin: str, first: int, width: int | None) -> Rows:
    """A column of lists as rows (rows, width); `first` is the number of its first row, for messages.

    Raises:
        VectorFileError: a row is missing, or has another width.
    """
    import pyarrow.compute

    lengths = np.asarray(pyarrow.compute.fill_null(pyarrow.compute.list_value_length(column), -1))
    expected = width or (int(lengths[0]) if len(lengths) else 0)
    wrong = np.flatnonzero(lengths != expected)
    if len(wrong):
        found = "null" if lengths[wrong[0]] < 0 else f"{lengths[wrong[0]]} numbers"
        raise VectorFileError(
            f"{origin}: row {first + wrong[0]} (counted from 0) has {found}, expected {expected} numbers in each; "
            "remove such rows, or choose another --column"
        )
    values = column.flatten()
    if values.null_count:
        values = pyarrow.compute.fill_null(values, float("nan"))  # refused later, with their row numbers
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(len(column), expected)
