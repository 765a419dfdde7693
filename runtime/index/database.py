"""The SQLite database of an index: opened, read and written in transactions, with errors of this package."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from linguagen.models.errors import IndexFileError, UsageError

MAGIC = b"SQLite format 3\0"
_SECONDS_TO_WAIT = 30.0
"""How long to wait for another process that writes to the same file."""


class Database:
    """An opened database. Threads can share one."""

    def __init__(self, path: Path, named: Path | None = None) -> None:
        """Open a file, or make an empty one.

        Args:
            path: of the file.
            named: what messages call it; None for its path.
        """
        self.name, self._path = str(named or path), path
        self._lock = threading.RLock()
        with self.errors():
            place = f"file:{quote(str(path.resolve()))}?mode=rw{'' if path.exists() else 'c'}"
            self.connection = sqlite3.connect(
                place, uri=True, isolation_level=None, check_same_thread=False, timeout=_SECONDS_TO_WAIT
            )
        self.execute, self.executemany = self.connection.execute, self.connection.executemany

    def pragma(self, name: str) -> int:
        """The number that SQLite has under a name, such as `user_version`."""
        with self.errors():
            return int(self.execute(f"PRAGMA {name}").fetchone()[0])

    def check_whole(self) -> None:
        """Refuse a file from whose end something is missing; SQLite itself sees only that whole pages are.

        Raises:
            IndexFileError: it is.
        """
        with self.reading():
            expected, actual = self.pragma("page_count") * self.pragma("page_size"), self._path.stat().st_size
        if actual < expected:
            raise IndexFileError(f"{self.name}: cut: {actual} bytes, expected {expected}; copy it again")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Inside: whatever is read is of one time, though another process may write."""
        with self._lock, self.errors():
            if self.connection.in_transaction:
                yield
                return
            self.execute("BEGIN")
            try:
                yield
            finally:
                self.execute("COMMIT")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Inside: a transaction, which any error undoes; what is deleted is overwritten."""
        with self._lock, self.errors():
            self.execute("PRAGMA secure_delete = ON")
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.execute("ROLLBACK")
                raise

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Inside: errors of SQLite become those of this package.

        Raises:
            IndexFileError: the file is damaged, in use, or cannot be written.
            UsageError: the file was closed, or a value is none that SQLite stores.
        """
        try:
            yield
        except sqlite3.OperationalError as error:
            raise IndexFileError(
                f"{self.name}: {error}; see that it can be written, and that no other program holds it"
            ) from error
        except sqlite3.ProgrammingError as error:
            raise UsageError(f"{self.name} was closed; open it again") from error
        except sqlite3.DatabaseError as error:
            raise IndexFileError(f"{self.name}: cut or damaged ({error}); copy it again, or build it anew") from error
        except (OverflowError, UnicodeError) as error:
            raise UsageError(f"a value cannot be in an index ({error}); make it a number or a text") from error


def is_database(path: Path) -> bool:
    """True if a file begins as a SQLite database does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'
