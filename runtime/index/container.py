"""The file of an index: a SQLite database whose codes, documents and description change together or not at all.

Everything that is added or removed is one transaction, so a killed process leaves the old index or the new one.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from linguagen.models.errors import IndexFileError, UsageError
from linguagen.runtime.index.about import ROW, About
from linguagen.runtime.index.blocks import TABLES, Blocks, Bytes, Stored
from linguagen.runtime.index.database import Database, is_database
from linguagen.runtime.index.documents import Documents, documents_table
from linguagen.runtime.index.values import Columns, declared_type


class Container:
    """An opened index file, without the model that makes its codes. Threads can share one."""

    def __init__(self, database: Database) -> None:
        """Read what the file says about itself.

        Raises:
            IndexFileError: it is no index, of another version, cut or edited.
        """
        self._database = database
        database.check_whole()
        self.about = About.read(database)
        self._blocks = Blocks(database, self.about.bytes_per_row)
        self.documents = Documents(database, self.about.id_column)
        self._stored: tuple[int, Stored] | None = None

    @classmethod
    def build(cls, path: Path, about: About, batches: Iterator[tuple[Bytes, Columns]], named: Path) -> None:
        """Write an index, which a kill would damage: write it under another name, then rename it.

        Args:
            path: a file that does not exist.
            about: what the index says about itself; an id column without a name is the one called `id`, if there is
                one, and else `_row`.
            batches: as for `append`; the first one has every column, and its values say the types of the columns.
            named: what messages call the file.

        Raises:
            UsageError: the columns cannot be those of an index, or an id is missing or taken.
            IndexFileError: the file cannot be written.
        """
        first = next(batches, (np.empty((0, about.bytes_per_row), np.uint8), {}))
        columns = {name: declared_type(values) for name, values in first[1].items()}
        about = replace(about, id_column=about.id_column or ("id" if "id" in columns else ROW))
        table = documents_table(columns, about.id_column)
        database = Database(path, named)
        try:
            with database.errors():
                for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", table, *TABLES):
                    database.execute(statement)
                about.write(database)
            cls(database).append(chain([first], batches))
        finally:
            database.connection.close()

    @classmethod
    def open(cls, path: Path, named: Path | None = None) -> "Container":
        """Open an index.

        Args:
            path: of the file.
            named: what messages call it; None for its path.

        Raises:
            UsageError: there is no such file.
            IndexFileError: it is no index, of another version, cut or edited.
        """
        if not path.is_file():
            raise UsageError(f"{path} does not exist; build an index with lg-run index VECTORS -o {path}")
        if not is_database(path):
            raise IndexFileError(f"{path}: no index; build one with lg-run index VECTORS -o NAME.db")
        return cls(Database(path, named))

    @property
    def name(self) -> str:
        """What messages call the file."""
        return self._database.name

    def close(self) -> None:
        """Close the file."""
        self._database.connection.close()

    def next_row(self) -> int:
        """The number that the next row gets."""
        with self.reading():
            return self._blocks.end()

    def reading(self) -> AbstractContextManager[None]:
        """Inside: whatever is read is of one time, though another process may write."""
        return self._database.reading()

    def append(self, batches: Iterable[tuple[Bytes, Columns]]) -> int:
        """Add rows, all or none; returns how many.

        Args:
            batches: codes (rows, bytes_per_row), and columns of as many rows; those that are not named stay empty.

        Raises:
            UsageError: a column is unknown, or an id is missing or taken.
            IndexFileError: the file cannot be written, or another program writes to it.
        """
        count = 0
        with self._database.writing():
            for codes, columns in batches:
                self.documents.insert(self._blocks.append(codes), len(codes), columns)
                count += len(codes)
        self._stored = None
        return count

    def remove(self, ids: Sequence[Any]) -> None:
        """Take rows out, all or none, and overwrite what they held.

        Raises:
            UsageError: there is no row of an id.
            IndexFileError: the file cannot be written, or another program writes to it.
        """
        with self._database.writing():
            numbers = self.documents.numbers_of(ids)
            self.documents.remove(numbers)
            self._blocks.wipe(numbers)
        self._stored = None

    def stored(self) -> Stored:
        """The codes of all rows, which are read again if another process has changed them.

        Raises:
            IndexFileError: codes were edited, or the file is cut.
        """
        with self.reading():
            version = self._database.pragma("data_version")
            if self._stored is None or self._stored[0] != version:
                self._stored = version, self._blocks.stored()
            return self._stored[1]
