"""What the codes of an index stand for: a table `documents` with a row for each, whose columns are the user's."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from linguagen.models.errors import IndexFileError, UsageError
from linguagen.runtime.index.about import ROW
from linguagen.runtime.index.blocks import Numbers
from linguagen.runtime.index.database import Database, quoted
from linguagen.runtime.index.values import Columns, stored

_AMONG = f"{ROW} IN (SELECT value FROM json_each(?))"


def documents_table(columns: Mapping[str, str], id_column: str) -> str:
    """The SQL that makes the table `documents`.

    Args:
        columns: declared types by name.
        id_column: which of them tells rows apart; `_row` for none.

    Raises:
        UsageError: a name is taken or empty, or no column can hold the ids.
    """
    taken = {ROW}
    for name in columns:
        if not name or "\0" in name or name.lower() in taken:
            raise UsageError(f"a column is called {name!r}, but each needs a name of its own, in any case of letters")
        taken.add(name.lower())
    if id_column != ROW and columns.get(id_column, "BLOB") == "BLOB":
        raise UsageError(
            f"ids are expected in a column {id_column!r} of numbers or texts; the columns are "
            f"{', '.join(columns) or 'none'}"
        )
    parts = [f"{ROW} INTEGER PRIMARY KEY"]
    for name, kind in columns.items():
        parts.append(f"{quoted(name)} {kind}{' NOT NULL UNIQUE' if name == id_column else ''}")
    return f"CREATE TABLE documents ({', '.join(parts)})"


@dataclass(frozen=True, eq=False)
class Documents:
    """The table `documents` of a database."""

    database: Database
    id_column: str
    """The column that tells rows apart."""

    @cached_property
    def types(self) -> dict[str, str]:
        """Declared types of the columns by name, without `_row`."""
        with self.database.errors():
            table = self.database.execute("PRAGMA table_info(documents)").fetchall()
        return {name: kind for _, name, kind, *_ in table[1:]}

    def insert(self, first: int, rows: int, columns: Columns) -> None:
        """Write the columns of new rows, of which the first has number `first`; other columns stay empty.

        Raises:
            UsageError: a column is unknown, or an id is missing or taken.
        """
        self.check_columns(columns)
        names, marks = ", ".join([ROW, *map(quoted, columns)]), ", ".join("?" * (1 + len(columns)))
        lists = [map(stored, values) for values in columns.values()]
        try:
            self.database.executemany(
                f"INSERT INTO documents ({names}) VALUES ({marks})",
                zip(range(first, first + rows), *lists, strict=True),
            )
        except sqlite3.IntegrityError as error:
            raise self._bad_id(first, columns.get(self.id_column, [None])) from error

    def check_columns(self, names: Iterable[str]) -> None:
        """Refuse columns that are not there.

        Raises:
            UsageError: one of them is not.
        """
        unknown = next((name for name in names if name not in self.types), None)
        if unknown is not None:
            raise UsageError(
                f"{self.database.name} has no column {unknown!r}; its columns are {', '.join(self.types) or 'none'}"
            )

    def remove(self, numbers: Numbers) -> None:
        """Delete rows by their numbers (rows,)."""
        self.database.execute(f"DELETE FROM documents WHERE {_AMONG}", [json.dumps(numbers.tolist())])

    def rows(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """All columns of rows, `_row` first, by the numbers of the rows and in their order.

        Raises:
            IndexFileError: there is no such row.
        """
        cursor = self.database.execute(f"SELECT * FROM documents WHERE {_AMONG}", [json.dumps(list(numbers))])
        names = [column[0] for column in cursor.description]
        found = {row[0]: dict(zip(names, row, strict=True)) for row in cursor}
        missing = next((number for number in numbers if number not in found), None)
        if missing is not None:
            raise IndexFileError(
                f"{self.database.name}: edited: row {missing} has a code and is not in documents; build the index again"
            )
        return [found[number] for number in numbers]

    def ids(self) -> list[Any]:
        """The ids of all rows, in the order of their numbers."""
        return [
            row[0] for row in self.database.execute(f"SELECT {quoted(self.id_column)} FROM documents ORDER BY {ROW}")
        ]

    def numbers_of(self, ids: Sequence[Any]) -> Numbers:
        """The numbers (ids,) of rows by their ids, in this order.

        Raises:
            UsageError: there is no row of an id.
        """
        # The cast makes 17 find the id "17" of a column of texts; SQLite makes "17" find 17 by itself.
        value = "CAST(asked.value AS TEXT)" if self.types.get(self.id_column) == "TEXT" else "asked.value"
        sql = (
            f"SELECT asked.key, kept.{ROW} FROM json_each(?) AS asked "
            f"JOIN documents AS kept ON kept.{quoted(self.id_column)} = {value}"
        )
        found = dict(self.database.execute(sql, [json.dumps([stored(each) for each in ids])]))
        missing = [each for place, each in enumerate(ids) if place not in found]
        if missing:
            raise UsageError(f"{self.database.name} has no row whose {self.id_column} is {missing[0]!r}")
        return np.array([found[place] for place in range(len(ids))], np.int64)

    def numbers_where(self, condition: str, parameters: Sequence[Any]) -> Numbers:
        """The numbers (rows,) of the rows for which a condition in SQL is true, ascending.

        Raises:
            UsageError: the condition is no SQL, names a column that does not exist, or has other parameters.
        """
        self.database.execute("PRAGMA query_only = ON")
        try:
            sql = f"SELECT {ROW} FROM documents WHERE ({condition}\n) ORDER BY {ROW}"
            rows = self.database.execute(sql, [stored(each) for each in parameters]).fetchall()
        except (sqlite3.OperationalError, sqlite3.ProgrammingError, sqlite3.Warning) as error:
            raise UsageError(
                f"the condition {condition!r} cannot be used ({error}); the columns are {', '.join([ROW, *self.types])}"
            ) from error
        finally:
            self.database.execute("PRAGMA query_only = OFF")
        return np.array(rows, np.int64).reshape(-1)

    def _bad_id(self, first: int, ids: Sequence[Any]) -> UsageError:
        """The error for the ids of new rows, of which one is missing or taken; the first has number `first`."""
        name, seen = self.id_column, set()
        sql = f"SELECT count(*) FROM documents WHERE {quoted(name)} = ? AND {ROW} < ?"
        for value in map(stored, ids):
            if value is None:
                return UsageError(f"a row has no {name}, by which {self.database.name} tells rows apart; give each one")
            if value in seen:
                return UsageError(f"two rows have the {name} {value!r}; give each its own")
            seen.add(value)
            if self.database.execute(sql, [value, first]).fetchone()[0]:
                break
        return UsageError(f"{self.database.name} has a row whose {name} is {value!r} already; remove that one first")
