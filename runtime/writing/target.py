"""What an output is: a file that is replaced whole, or a pipe or device that is written into and never replaced."""

import os
import stat
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from linguagen.models.errors import UsageError

STDOUT = "-"
_REFUSED = {stat.S_IFDIR: "a folder", stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a block device"}


class Kind(Enum):
    """What there is at the place of an output."""

    MISSING = "nothing yet"
    FILE = "a regular file"
    STREAM = "a pipe or character device"
    STDOUT = "standard output"


@dataclass(frozen=True)
class Target:
    """Where an output goes."""

    path: Path
    """The file that is made or replaced, links followed; a pipe or device as it was named."""
    kind: Kind

    @property
    def streams(self) -> bool:
        """True if bytes are written into what is there; false if a whole file appears under the name."""
        return self.kind in (Kind.STREAM, Kind.STDOUT)

    def __str__(self) -> str:
        return "standard output" if self.kind is Kind.STDOUT else str(self.path)


def find_target(output: Path) -> Target:
    """What an output is, links followed; a dangling link leads to the file that it will create.

    Raises:
        UsageError: a folder, a socket, a block device, a loop of links, or a place that cannot be looked at.
    """
    if str(output) == STDOUT:
        return Target(output, Kind.STDOUT)
    try:
        status = output.stat()
    except FileNotFoundError:
        return Target(Path(os.path.realpath(output)), Kind.MISSING)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"cannot write {output}: {reason}; name another file with -o") from error
    if refused := _REFUSED.get(stat.S_IFMT(status.st_mode)):
        raise UsageError(f"cannot write {output}: it is {refused}; name a file with -o")
    if _is_stdout(status):  # such as /dev/stdout, also if that is a file
        return Target(output, Kind.STDOUT)
    real = Path(os.path.realpath(output))
    # A file that was opened and then deleted has no name any more: it can only be written into.
    if stat.S_ISREG(status.st_mode) and real.exists() and os.path.samestat(real.stat(), status):
        return Target(real, Kind.FILE)
    return Target(output, Kind.STREAM)


def file_target(output: Path) -> Path:
    """The file that an output leads to, links followed, for writers that make or replace whole files only.

    Raises:
        UsageError: the output is a pipe, a device, or nothing that can be written.
    """
    target = find_target(output)
    if target.streams:
        raise UsageError(f"cannot write {output}: it is {target.kind.value}, which holds no file; name a file with -o")
    return target.path


def _is_stdout(status: os.stat_result) -> bool:
    """True if a file is the one that this process's standard output goes to."""
    try:
        return os.path.samestat(status, os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError, AttributeError):  # closed, or replaced by an object without a file
        return False
