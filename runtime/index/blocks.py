"""The codes of an index: a table of blobs with some thousand rows each, and the numbers of rows that were removed."""

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import IndexFileError
from linguagen.runtime.index.about import ROW
from linguagen.runtime.index.database import Database

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]
BLOCK_ROWS = 2048
"""Rows in a blob: few enough that adding a row takes a millisecond, and enough that a million are read in .1 s."""
TABLES = (
    "CREATE TABLE codes (block INTEGER PRIMARY KEY, rows INTEGER NOT NULL, codes BLOB NOT NULL, crc32 INT NOT NULL)",
    f"CREATE TABLE removed ({ROW} INTEGER PRIMARY KEY)",
    # So that rows can be deleted with any SQLite tool.
    f"CREATE TRIGGER row_removed AFTER DELETE ON documents BEGIN INSERT INTO removed VALUES (OLD.{ROW}); END",
)


@dataclass(frozen=True, eq=False)
class Stored:
    """The codes of an index at one time."""

    codes: Bytes
    """(rows, bytes_per_row), without rows that were removed."""
    numbers: Numbers
    """(rows,): the number of each row, ascending."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """The tables `codes` and `removed` of a database."""

    database: Database
    bytes_per_row: int

    def end(self) -> int:
        """The number of the next row that is added."""
        last = self.database.execute("SELECT block, rows FROM codes ORDER BY block DESC LIMIT 1").fetchone()
        return last[0] * BLOCK_ROWS + last[1] if last else 0

    def append(self, codes: Bytes) -> int:
        """Write the codes (rows, bytes_per_row) of new rows; returns the number of the first."""
        first = self.end()
        block, place = divmod(first, BLOCK_ROWS)
        if place:
            codes = np.concatenate([self._read(block), codes])
        for start in range(0, len(codes), BLOCK_ROWS):
            part = codes[start : start + BLOCK_ROWS]
            self._write(block + start // BLOCK_ROWS, len(part), part)
        return first

    def wipe(self, numbers: Numbers) -> None:
        """Overwrite the codes of rows (rows,) that were removed; a block without any other row loses all codes."""
        for block in np.unique(numbers // BLOCK_ROWS).tolist():
            codes = self._read(block).copy()
            codes[numbers[numbers // BLOCK_ROWS == block] % BLOCK_ROWS] = 0
            bounds = (block * BLOCK_ROWS, (block + 1) * BLOCK_ROWS - 1)
            among = f"FROM removed WHERE {ROW} BETWEEN ? AND ?"
            if self.database.execute(f"SELECT count(*) {among}", bounds).fetchone()[0] == BLOCK_ROWS:
                self._write(block, BLOCK_ROWS, codes[:0])
                self.database.execute(f"DELETE {among}", bounds)
            else:
                self._write(block, len(codes), codes)

    def stored(self) -> Stored:
        """Read all codes.

        Raises:
            IndexFileError: codes were changed, or the file is cut.
        """
        end = self.end()
        codes, live = np.empty((end, self.bytes_per_row), np.uint8), np.zeros(end, bool)
        first = 0
        for block, rows, blob, crc32 in self.database.execute("SELECT * FROM codes ORDER BY block"):
            if block * BLOCK_ROWS != first:
                raise self._damaged(f"block {first // BLOCK_ROWS} is missing")
            if len(blob):
                codes[first : first + rows] = self._checked(block, rows, blob, crc32)
                live[first : first + rows] = True
            first += BLOCK_ROWS
        live[[row[0] for row in self.database.execute(f"SELECT {ROW} FROM removed")]] = False
        numbers = np.flatnonzero(live).astype(np.int64)
        return Stored(codes if len(numbers) == end else codes[numbers], numbers)

    def _read(self, block: int) -> Bytes:
        """The codes (rows, bytes_per_row) of a block that has some."""
        row = self.database.execute("SELECT rows, codes, crc32 FROM codes WHERE block = ?", [block]).fetchone()
        return self._checked(block, *row)

    def _write(self, block: int, rows: int, codes: Bytes) -> None:
        """Write the codes (rows, bytes_per_row) of a block, or none if all of its rows were removed."""
        blob = codes.tobytes()
        values = [block, rows, blob, zlib.crc32(blob, block)]
        self.database.execute("INSERT OR REPLACE INTO codes VALUES (?, ?, ?, ?)", values)

    def _checked(self, block: int, rows: int, blob: bytes, crc32: int) -> Bytes:
        """The codes (rows, bytes_per_row) in a blob.

        Raises:
            IndexFileError: they were changed.
        """
        if len(blob) != rows * self.bytes_per_row or zlib.crc32(blob, block) != crc32:
            raise self._damaged(f"the codes of block {block} are not those that were written")
        return np.frombuffer(blob, np.uint8).reshape(rows, self.bytes_per_row)

    def _damaged(self, problem: str) -> IndexFileError:
        """The error for codes that no program of ours wrote."""
        return IndexFileError(
            f"{self.database.name}: edited or damaged: {problem}; copy the file again, or build it anew"
        )
