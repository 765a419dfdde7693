"""Files that appear under their name only when they are whole, and never replace another one unasked."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from linguagen.models.errors import InterruptedRunError, OutputError, UsageError
from linguagen.runtime.console import abandon_stdout
from linguagen.runtime.writing.target import Kind, Target, file_target, find_target


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Refuse to write a file that exists, unless the user passed --overwrite; pipes and devices are written into.

    Raises:
        UsageError: the file exists, and `overwrite` is false; or the path is nothing that can be written.
    """
    if find_target(path).kind is Kind.FILE and not overwrite:
        raise UsageError(f"{path} exists; choose another name with -o, or pass --overwrite")


@contextmanager
def whole_output(output: Path) -> Iterator[Path]:
    """The path to write a whole file to: the output itself, or a temporary file that is then copied to a stream.

    Args:
        output: a file; or a pipe, a character device, or - for standard output.

    Yields:
        A path with the ending of the output.

    Raises:
        UsageError: the output is nothing that can be written.
        OutputError: the pipe, device or standard output is full or closed.
    """
    target = find_target(output)
    if not target.streams:
        yield output
        return
    with TemporaryDirectory() as folder:
        whole = Path(folder) / f"whole{output.suffix}"
        try:
            yield whole
        except InterruptedRunError:
            raise InterruptedRunError(f"interrupted; nothing was written to {target}, so begin again") from None
        _copy_to_stream(whole, target)


def temporary_path(path: Path) -> Path:
    """A hidden name in the folder of `path`, different in every process, to write to before `publish`."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def open_new(path: Path) -> BinaryIO:
    """Open a new file for writing; whatever has its name is removed first, so that no link or device is followed.

    Raises:
        OSError: the folder is missing or cannot be written, or a folder has this name.
    """
    path.unlink(missing_ok=True)
    return path.open("xb")


def publish(partial: Path, path: Path) -> None:
    """Flush a finished file to disk, then rename it to `path`: a kill leaves the old file or the new one."""
    with partial.open("r+b") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def replace_file(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a whole file: after an error, or a kill, what `path` held before is still there.

    Raises:
        UsageError: the path leads to something that is not a regular file.
    """
    target = file_target(path)
    partial = temporary_path(target)
    try:
        with open_new(partial) as file:
            write(file)
        publish(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _copy_to_stream(whole: Path, target: Target) -> None:
    """Copy a finished file into a pipe, a device or standard output.

    Raises:
        OutputError: it is full or closed.
    """
    try:
        with whole.open("rb") as file:
            if target.kind is Kind.STDOUT:
                shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
                return
            # Without O_CREAT: if the pipe is gone by now, no file takes its place.
            descriptor = os.open(target.path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
            with os.fdopen(descriptor, "wb") as stream:
                shutil.copyfileobj(file, stream)
    except OSError as error:
        if target.kind is Kind.STDOUT:
            abandon_stdout()
        raise OutputError(f"cannot write {target}: {error.strerror}; write to a file with -o") from error
