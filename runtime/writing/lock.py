"""Keeps a second run away from an output that a run is writing."""

import os
from pathlib import Path
from typing import Any

from linguagen.models.errors import UsageError

fcntl: Any
try:
    import fcntl
except ImportError:  # this system has no such locks, so users must avoid two runs on one output
    fcntl = None


class OutputLock:
    """A locked file `.NAME.lock` next to an output; it is removed when the lock is given back.

    The lock has a file of its own, so that the rows can be closed before they are renamed to the output.
    """

    def __init__(self, output: Path) -> None:
        """Take the lock, where the system has locks.

        Raises:
            UsageError: another run is writing this output.
            OSError: the folder is missing or cannot be written.
        """
        self._path = output.with_name(f".{output.name}.lock")
        self._file: int | None = None
        while fcntl is not None and self._file is None:
            self._file = self._locked(output)

    def _locked(self, output: Path) -> int | None:
        """Open and lock the file; None if the run that held the lock has just removed it."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file), self._path.stat()):
                return file
        except FileNotFoundError:
            pass
        except OSError as error:
            os.close(file)
            raise UsageError(f"another run is writing {output}; wait for it, or choose another name with -o") from error
        os.close(file)
        return None

    def release(self) -> None:
        """Give the lock back. The file is removed while it is locked, so that no other run can hold its lock."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None
