"""The output formats: how rows of codes are stored, and how a finished partial file becomes the output."""

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from linguagen.models.errors import UsageError, VectorFileError
from linguagen.runtime.codes.codec import Codes
from linguagen.runtime.reading.array_files import Rows
from linguagen.runtime.reading.maker import JSON_START, KEY, Maker
from linguagen.runtime.reading.sources import Source
from linguagen.runtime.reading.tables import ARROW, HDF5, PARQUET, TableSource, import_arrow, import_h5py
from linguagen.runtime.writing.npy import npy_header

_NPY_HEADER_BYTES = 128
_ASSEMBLED_ROWS = 4096
WRITABLE = ".npy, .npz, .fvecs, .fbin, .i8bin, .u8bin, .parquet, .arrow, .hdf5, .json"
Read = Callable[[int], Rows]
"""Reads the next rows (count, columns) of the partial file."""
_BINARY = {".fvecs": "float32", ".fbin": "float32", ".i8bin": "int8", ".u8bin": "uint8"}


@dataclass(frozen=True, eq=False)
class Layout:
    """How codes (rows, columns) of one element type are stored in one format."""

    suffix: str
    columns: int
    dtype: np.dtype[np.generic]
    maker: Maker | None = None
    """The model that made the codes, for formats that can name it."""

    @classmethod
    def of(cls, output: Path, columns: int, dtype: np.dtype[np.generic], maker: Maker | None = None) -> "Layout":
        """The layout that the ending of an output asks for.

        Raises:
            UsageError: the format cannot be written, or cannot hold codes of this type.
            MissingExtraError: the format needs a package that is not installed.
        """
        suffix = output.suffix.lower()
        if suffix not in [*WRITABLE.split(", "), ".feather", ".h5", ""]:
            raise UsageError(f"cannot write {output}: its ending {suffix!r} is none of {WRITABLE}")
        expected = _BINARY.get(suffix)
        if expected and expected != dtype.name:
            raise UsageError(f"cannot write {output}: {suffix} holds {expected}, but these codes are {dtype.name}")
        if suffix in (*PARQUET, *ARROW):
            import_arrow()
        if suffix in HDF5:
            import_h5py()
        return cls(suffix, columns, dtype, maker)

    @property
    def header_bytes(self) -> int:
        """Bytes left free at the start of the file, until the number of rows is known."""
        return {".npy": _NPY_HEADER_BYTES, "": _NPY_HEADER_BYTES, ".fbin": 8, ".i8bin": 8, ".u8bin": 8}.get(
            self.suffix, 0
        )

    @property
    def row_bytes(self) -> int:
        """Bytes of one row in the partial file."""
        return self.columns * self.dtype.itemsize + (4 if self.suffix == ".fvecs" else 0)

    def pack(self, codes: Codes) -> memoryview:
        """Codes (rows, columns) as the bytes that the partial file holds."""
        rows = np.ascontiguousarray(codes, dtype=self.dtype)
        if self.suffix == ".fvecs":
            width = np.full((len(rows), 1), self.columns, "<i4")
            rows = np.concatenate([width.view("u1"), rows.view("u1").reshape(len(rows), -1)], axis=1)
        return rows.reshape(-1).view("u1").data

    def header(self, rows: int) -> bytes:
        """The bytes before the rows."""
        if self.header_bytes == _NPY_HEADER_BYTES:
            return npy_header((rows, self.columns), self.dtype)
        return np.array([rows, self.columns], "<i4").tobytes() if self.header_bytes else b""

    def assemble(self, partial: Path, target: Path, rows: int, source: Source, dropped: frozenset[int]) -> None:
        """Write the output from the partial file, for formats that are more than a header and rows.

        Args:
            partial: the partial file.
            target: path to write to.
            rows: rows in the partial file.
            source: the opened input, whose other columns are copied if both files are tables.
            dropped: numbers of the rows of the source that were left out.
        """
        with partial.open("rb") as file:

            def read(count: int) -> Rows:
                """The next rows (count, columns)."""
                return np.frombuffer(file.read(count * self.row_bytes), self.dtype).reshape(-1, self.columns)

            if self.suffix == ".npz":
                self._write_npz(read, target, rows)
            elif self.suffix in HDF5:
                self._write_hdf5(read, target, rows)
            elif self.suffix == ".json":
                self._write_json(read, target, rows)
            else:
                self._write_table(read, target, rows, source, dropped)

    appends: ClassVar[bool] = False
    """True if `assemble` appends to the output instead of making it."""

    @property
    def assembled(self) -> bool:
        """True if `assemble` writes the output; otherwise the output is the partial file itself."""
        return self.suffix in (*PARQUET, *ARROW, *HDF5, ".npz", ".json")

    def _write_npz(self, read: Read, target: Path, rows: int) -> None:
        """Write a .npz file with the array `embeddings`."""
        info = zipfile.ZipInfo("embeddings.npy")  # a fixed date, so that equal rows make equal files
        with zipfile.ZipFile(target, "w") as archive, archive.open(info, "w", force_zip64=True) as file:
            file.write(npy_header((rows, self.columns), self.dtype))
            for _, count in _blocks(rows):
                file.write(read(count).tobytes())
            if self.maker:
                archive.comment = f"{KEY} {self.maker.to_json()}".encode()

    def _write_hdf5(self, read: Read, target: Path, rows: int) -> None:
        """Write an .hdf5 file with the dataset `embeddings`."""
        with import_h5py().File(target, "w") as file:
            data = file.create_dataset("embeddings", (rows, self.columns), self.dtype, track_times=False)
            for first, count in _blocks(rows):
                data[first : first + count] = read(count)
            if self.maker:
                file.attrs[KEY] = self.maker.to_json()

    def _write_json(self, read: Read, target: Path, rows: int) -> None:
        """Write a .json file: one object with the rows as a response of OpenAI's API has them, in `data`."""
        with target.open("w", encoding="utf-8", newline="\n") as file:
            file.write(f'{JSON_START}{self.maker.to_json()}, "data": [' if self.maker else '{"data": [')
            for first, count in _blocks(rows):
                for number, row in enumerate(read(count).tolist(), first):
                    text = json.dumps({"index": number, "embedding": row})
                    file.write(f"{',' if number else ''}\n{text}")
            file.write("\n]}\n")

    def _write_table(self, read: Read, target: Path, rows: int, source: Source, dropped: frozenset[int]) -> None:
        """Write a table of the codes and, if the source is a table, its other columns."""
        arrow, writer = import_arrow(), None
        for names, columns, count in _other_columns(source, rows, dropped):
            values = arrow.array(read(count).reshape(-1))
            codes = arrow.FixedSizeListArray.from_arrays(values, self.columns)
            batch = arrow.record_batch([codes if column is None else column for column in columns], names=names)
            writer = writer or _table_writer(arrow, target, self.suffix, batch.schema, self.maker)
            writer.write_batch(batch)
        if writer is None:
            raise VectorFileError(f"no row is left to write to {self.suffix}; every one of them was dropped")
        writer.close()


def _blocks(rows: int) -> Iterator[tuple[int, int]]:
    """Yield the first row and the number of rows of one block after another."""
    for first in range(0, rows, _ASSEMBLED_ROWS):
        yield first, min(_ASSEMBLED_ROWS, rows - first)


def _other_columns(source: Source, rows: int, dropped: frozenset[int]) -> Iterator[tuple[list[str], list[Any], int]]:
    """Yield the names and columns of one batch after another, with None for the vectors, and the batch's rows."""
    arrow = import_arrow()
    names = source.names if isinstance(source, TableSource) else ["embedding"]
    if not isinstance(source, TableSource) or len(names) == 1:
        yield from ((names, [None], count) for _, count in _blocks(rows))
        return
    first = 0
    for batch in source.others():
        keep = [number for number in range(batch.num_rows) if first + number not in dropped]
        first += batch.num_rows
        kept = batch if len(keep) == batch.num_rows else batch.take(arrow.array(keep, arrow.int64()))
        if kept.num_rows:
            yield names, [None if name == source.column else kept.column(name) for name in names], kept.num_rows


def _table_writer(arrow: Any, target: Path, suffix: str, schema: Any, maker: Maker | None) -> Any:
    """A pyarrow writer for .parquet or .arrow, whose schema names the maker if there is one."""
    if maker:
        schema = schema.with_metadata({KEY: maker.to_json()})
    if suffix in PARQUET:
        import pyarrow.parquet

        return pyarrow.parquet.ParquetWriter(target, schema)
    return arrow.ipc.new_file(str(target), schema)
