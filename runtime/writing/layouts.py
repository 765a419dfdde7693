"""How rows of codes lie in each output format, and what turns a finished partial file into it."""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from linguagen.models.errors import UsageError, VectorFileError
from linguagen.runtime.codes.codec import Codes
from linguagen.runtime.reading.array_files import Rows
from linguagen.runtime.reading.sources import Source
from linguagen.runtime.reading.tables import ARROW, HDF5, PARQUET, TableSource, import_arrow, import_h5py, table_batches
from linguagen.runtime.writing.npy import npy_header

_NPY_HEADER_BYTES = 128
_ASSEMBLED_ROWS = 4096
WRITABLE = ".npy, .npz, .fvecs, .fbin, .i8bin, .u8bin, .parquet, .arrow, .hdf5"
Read = Callable[[int], Rows]
"""Gets the next so many packed rows."""
_BINARY = {".fvecs": "float32", ".fbin": "float32", ".i8bin": "int8", ".u8bin": "uint8"}


@dataclass(frozen=True, eq=False)
class Layout:
    """Rows of codes (rows, columns) of one type, on their way into one format."""

    suffix: str
    columns: int
    dtype: np.dtype[np.generic]

    @classmethod
    def of(cls, output: Path, columns: int, dtype: np.dtype[np.generic]) -> "Layout":
        """The layout for an output's ending.

        Raises:
            UsageError: an ending that is not written, or one that cannot hold codes of this type.
        """
        suffix = output.suffix.lower()
        if suffix not in [*WRITABLE.split(", "), ".feather", ".h5", ""]:
            raise UsageError(f"cannot write {output}: its ending {suffix!r} is none of {WRITABLE}")
        wanted = _BINARY.get(suffix)
        if wanted and wanted != dtype.name:
            raise UsageError(f"cannot write {output}: {suffix} holds {wanted}, but these codes are {dtype.name}")
        if suffix in (*PARQUET, *ARROW):
            import_arrow()
        if suffix in HDF5:
            import_h5py()
        return cls(suffix, columns, dtype)

    @property
    def header_bytes(self) -> int:
        """Left free at the file's start, until the number of rows is known."""
        return {".npy": _NPY_HEADER_BYTES, "": _NPY_HEADER_BYTES, ".fbin": 8, ".i8bin": 8, ".u8bin": 8}.get(
            self.suffix, 0
        )

    @property
    def row_bytes(self) -> int:
        """Of one row in the partial file."""
        return self.columns * self.dtype.itemsize + (4 if self.suffix == ".fvecs" else 0)

    def pack(self, codes: Codes) -> memoryview:
        """Rows as the partial file holds them."""
        rows = np.ascontiguousarray(codes, dtype=self.dtype)
        if self.suffix == ".fvecs":
            width = np.full((len(rows), 1), self.columns, "<i4")
            rows = np.concatenate([width.view("u1"), rows.view("u1").reshape(len(rows), -1)], axis=1)
        return rows.reshape(-1).view("u1").data

    def header(self, rows: int) -> bytes:
        """What stands before the rows."""
        if self.header_bytes == _NPY_HEADER_BYTES:
            return npy_header((rows, self.columns), self.dtype)
        return np.array([rows, self.columns], "<i4").tobytes() if self.header_bytes else b""

    def assemble(self, partial: Path, target: Path, rows: int, source: Source, dropped: frozenset[int]) -> None:
        """For formats that are more than rows: write the whole file from the partial one.

        Args:
            partial: the rows, packed.
            target: a temporary file.
            rows: how many there are.
            source: whose other columns go along, where both are tables.
            dropped: rows of the source that are left out.
        """
        with partial.open("rb") as file:

            def read(count: int) -> Rows:
                return np.frombuffer(file.read(count * self.row_bytes), self.dtype).reshape(-1, self.columns)

            if self.suffix == ".npz":
                self._write_npz(read, target, rows)
            elif self.suffix in HDF5:
                self._write_hdf5(read, target, rows)
            else:
                self._write_table(read, target, rows, source, dropped)

    @property
    def assembled(self) -> bool:
        """True for formats that `assemble` writes; the others are the partial file itself."""
        return self.suffix in (*PARQUET, *ARROW, *HDF5, ".npz")

    def _write_npz(self, read: Read, target: Path, rows: int) -> None:
        info = zipfile.ZipInfo("embeddings.npy")  # a fixed date, so that equal rows make equal files
        with zipfile.ZipFile(target, "w") as archive, archive.open(info, "w", force_zip64=True) as file:
            file.write(npy_header((rows, self.columns), self.dtype))
            for _, count in _blocks(rows):
                file.write(read(count).tobytes())

    def _write_hdf5(self, read: Read, target: Path, rows: int) -> None:
        with import_h5py().File(target, "w") as file:
            data = file.create_dataset("embeddings", (rows, self.columns), self.dtype, track_times=False)
            for start, count in _blocks(rows):
                data[start : start + count] = read(count)

    def _write_table(self, read: Read, target: Path, rows: int, source: Source, dropped: frozenset[int]) -> None:
        """The source's other columns beside the codes; without a table as source, the codes alone."""
        arrow, writer = import_arrow(), None
        for names, columns, count in _other_columns(source, rows, dropped):
            values = arrow.array(read(count).reshape(-1))
            codes = arrow.FixedSizeListArray.from_arrays(values, self.columns)
            batch = arrow.record_batch([codes if column is None else column for column in columns], names=names)
            writer = writer or _table_writer(arrow, target, self.suffix, batch.schema)
            writer.write_batch(batch)
        if writer is None:
            raise VectorFileError(f"no row is left to write to {self.suffix}; every one of them was dropped")
        writer.close()


def _blocks(rows: int) -> Iterator[tuple[int, int]]:
    for start in range(0, rows, _ASSEMBLED_ROWS):
        yield start, min(_ASSEMBLED_ROWS, rows - start)


def _other_columns(source: Source, rows: int, dropped: frozenset[int]) -> Iterator[tuple[list[str], list[Any], int]]:
    """Names and columns of one batch after another, None in the vectors' place, and the batch's rows."""
    arrow = import_arrow()
    names = source.names if isinstance(source, TableSource) else ["embedding"]
    if not isinstance(source, TableSource) or len(names) == 1:
        yield from ((names, [None], count) for _, count in _blocks(rows))
        return
    start = 0
    for batch in table_batches(source.path, [name for name in names if name != source.column]):
        keep = [number for number in range(batch.num_rows) if start + number not in dropped]
        start += batch.num_rows
        kept = batch if len(keep) == batch.num_rows else batch.take(arrow.array(keep, arrow.int64()))
        if kept.num_rows:
            yield names, [None if name == source.column else kept.column(name) for name in names], kept.num_rows


def _table_writer(arrow: Any, target: Path, suffix: str, schema: Any) -> Any:
    if suffix in PARQUET:
        import pyarrow.parquet

        return pyarrow.parquet.ParquetWriter(target, schema)
    return arrow.ipc.new_file(str(target), schema)
