"""Files that appear under their name only when they are whole, and never replace another one unasked."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from linguagen.models.errors import UsageError


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Refuse to write a file that exists, unless the user passed --overwrite.

    Raises:
        UsageError: the file exists, and `overwrite` is false.
    """
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; choose another name with -o, or pass --overwrite")


def temporary_path(path: Path) -> Path:
    """A hidden name in the folder of `path`, different in every process, to write to before `publish`."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def publish(partial: Path, path: Path) -> None:
    """Flush a finished file to disk, then rename it to `path`: a kill leaves the old file or the new one."""
    with partial.open("r+b") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def replace_file(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a whole file: after an error, or a kill, what `path` held before is still there."""
    partial = temporary_path(path)
    try:
        with partial.open("wb") as file:
            write(file)
        publish(partial, path)
    finally:
        partial.unlink(missing_ok=True)
