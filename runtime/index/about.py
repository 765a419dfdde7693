"""What an index says about itself: its version, the model that made it, and the roles of its columns."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linguagen.models.errors import IndexFileError
from linguagen.runtime.index.database import Database
from linguagen.runtime.reading.maker import Maker

APPLICATION_ID = 0x4C474958
"""The letters LGIX in the header of the database, by which an index is known from other databases."""
FORMAT_VERSION = 1
ROW = "_row"
"""The column of row numbers, counted from 0; the numbers of removed rows are not used again."""


@dataclass(frozen=True)
class About:
    """What an index says about itself."""

    maker: Maker
    """The model that made the codes, and their kind."""
    bytes_per_row: int
    """Bytes of one code."""
    id_column: str
    """The column that tells rows apart; `_row` if rows have no ids of their own."""
    text_column: str
    """The column of texts, which are shown with what is found; empty if there is none."""

    def values(self) -> dict[str, object]:
        """What is said, by key."""
        own = {key: value for key, value in vars(self).items() if key != "maker"}
        return {**vars(self.maker), **own}

    def write(self, database: Database) -> None:
        """Write the table `linguagen`, a key and a value a row, with a checksum over all others."""
        values = self.values()
        database.execute("CREATE TABLE linguagen (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID")
        rows = {**values, "crc32": _checksum(values)}
        database.executemany("INSERT INTO linguagen VALUES (?, ?)", rows.items())
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {FORMAT_VERSION}")

    @classmethod
    def read(cls, database: Database) -> "About":
        """Read what `write` wrote.

        Raises:
            IndexFileError: it is another database, of another version, or was changed.
        """
        if database.pragma("application_id") != APPLICATION_ID:
            raise IndexFileError(f"{database.name}: a SQLite database, but no index; build one with lg-run index")
        version = database.pragma("user_version")
        if version != FORMAT_VERSION:
            raise IndexFileError(
                f"{database.name}: an index of format version {version}, but this linguagen reads version "
                f"{FORMAT_VERSION}; install the linguagen that wrote it, or build the index again"
            )
        with database.errors():
            values: dict[str, Any] = dict(database.execute("SELECT key, value FROM linguagen"))
        try:
            if values.pop("crc32") != _checksum(values):
                raise ValueError("a value is not the one that was written")
            maker = Maker(*(values.pop(key) for key in ("model", "sha256", "kind", "dim")))
            return cls(maker, **values)
        except (KeyError, TypeError, ValueError) as error:
            raise IndexFileError(
                f"{database.name}: its table linguagen was edited ({error}); build the index again"
            ) from error


def _checksum(values: Mapping[str, object]) -> int:
    """The CRC-32 of values by key."""
    return zlib.crc32(json.dumps(dict(sorted(values.items()))).encode())
