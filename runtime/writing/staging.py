"""An unfinished output: its rows are kept in a file next to the target, so that an interrupted run can resume.

While a run writes `NAME`, or after it was interrupted, two files are in the same folder::

    .NAME.partial       the rows so far
    .NAME.partial.json  the journal: input, model and settings of the run, and how many rows are safely on disk

A third, .NAME.lock, is there while a run writes.

The journal never counts rows that are not on disk: it is replaced after they were flushed.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from linguagen.models.errors import UsageError, VectorFileError
from linguagen.runtime.writing.lock import OutputLock
from linguagen.runtime.writing.target import file_target
from linguagen.runtime.writing.whole_file import publish

_SECONDS_BETWEEN_CHECKPOINTS = 1.0
_CLOSED = -1


@dataclass(frozen=True)
class Progress:
    """How many rows of a file a run has read and written so far, and which of them needed care."""

    rows_read: int = 0
    rows_written: int = 0
    scaled_rows: int = 0
    """Rows that were not of length 1 and were scaled to it."""
    bad_rows: tuple[int, ...] = ()
    """Numbers of the rows that were zero or not finite."""


@dataclass
class Staging:
    """The partial file of one output, which becomes the output when it is published.

    Use it as a context manager: an error removes it; an interrupt or a full disk leaves it, to be resumed.
    """

    output: Path
    row_bytes: int
    """Size of one row."""
    header_bytes: int
    """Bytes left free at the start of the file."""
    identity: Mapping[str, object]
    """Input, model and settings by name: an interrupted run can be resumed only if they are the same."""
    resume: bool
    """Resume an interrupted run, if there is one."""
    progress: Progress = field(default_factory=Progress)
    kept: bool = False
    """True once the partial file must not be removed."""

    def __post_init__(self) -> None:
        self.target = file_target(self.output)
        """The file that is replaced, links followed."""
        self.path = self.target.with_name(f".{self.target.name}.partial")
        self.journal = self.target.with_name(f".{self.target.name}.partial.json")
        self._file = _CLOSED
        self._saver = ThreadPoolExecutor(1)
        self._saving: Future[None] = Future()
        self._saving.set_result(None)
        self._saved = time.monotonic()

    def __enter__(self) -> "Staging":
        with ExitStack() as undo:
            self._lock = self._take_lock()
            undo.callback(self._lock.release)
            self._file = self._open()
            undo.callback(self._close)
            if self.resume:
                self.progress = self._read_journal()
            os.ftruncate(self._file, self._end)
            os.lseek(self._file, self._end, os.SEEK_SET)
            self.checkpoint()
            undo.pop_all()
        return self

    @property
    def _end(self) -> int:
        """Size of the partial file without rows that the journal does not count."""
        return self.header_bytes + self.progress.rows_written * self.row_bytes

    def _take_lock(self) -> OutputLock:
        """Keep other runs away from this output.

        Raises:
            UsageError: another run is writing it.
            VectorFileError: the folder cannot be written.
        """
        try:
            return OutputLock(self.target)
        except OSError as error:
            raise self._impossible(error) from error

    def _open(self) -> int:
        """Open the partial file, which is never a link or a device.

        Raises:
            VectorFileError: the folder cannot be written, or something else has the name of the partial file.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        try:
            if self.path.is_symlink() or (self.path.exists() and not self.path.is_file()):
                raise VectorFileError(f"cannot write {self.path}: it is not a regular file; remove it")
            return os.open(self.path, flags, 0o666)
        except OSError as error:
            raise self._impossible(error) from error

    def _close(self) -> None:
        """Close the partial file, if it is open."""
        if self._file != _CLOSED:
            os.close(self._file)
            self._file = _CLOSED

    def _impossible(self, error: OSError) -> VectorFileError:
        """The error to raise when the folder cannot be written."""
        return VectorFileError(f"cannot write {self.output}: {error.strerror}; choose another place with -o")

    def _read_journal(self) -> Progress:
        """The progress of the interrupted run, or none if there is no such run.

        Raises:
            UsageError: that run had another input, model or settings.
            VectorFileError: the journal cannot be read, or counts more rows than there are.
        """
        try:
            document = json.loads(self.journal.read_text(encoding="utf-8"))
            identity, progress = document["identity"], Progress(**document["progress"])
        except FileNotFoundError:
            return Progress()  # no run was interrupted: begin
        except (ValueError, KeyError, TypeError) as error:
            raise VectorFileError(f"{self.journal} cannot be read ({error}); start again without --resume") from error
        changed = [name for name, value in self.identity.items() if identity.get(name) != value]
        if changed:
            raise UsageError(
                f"cannot resume {self.output}: {', '.join(changed)} changed since that run began "
                f"({', '.join(f'then {identity.get(name)}, now {self.identity[name]}' for name in changed)}); "
                "start again without --resume"
            )
        size = os.fstat(self._file).st_size
        if size < self.header_bytes + progress.rows_written * self.row_bytes:
            raise VectorFileError(
                f"{self.path} has {size} bytes, fewer than its journal says; start again without --resume"
            )
        return replace(progress, bad_rows=tuple(progress.bad_rows))

    def append(self, data: bytes | memoryview, progress: Progress) -> None:
        """Write rows.

        Args:
            data: the rows as bytes.
            progress: the progress of the run once they are written.

        Raises:
            VectorFileError: the disk is full or gone; the rows so far are kept.
        """
        try:
            view = memoryview(data).cast("B")
            while view:
                view = view[os.write(self._file, view) :]
            self.progress = progress
            if self._saving.done() and time.monotonic() - self._saved > _SECONDS_BETWEEN_CHECKPOINTS:
                self._saving.result()
                self._saved = time.monotonic()
                # In the background, so that rows need not wait for the disk.
                self._saving = self._saver.submit(self._save, progress)
        except OSError as error:
            self.kept = True
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> VectorFileError:
        """The error to raise when the disk refuses a write."""
        return VectorFileError(
            f"cannot write {self.output}: {error.strerror or error}; the rows so far are kept in {self.path}: make "
            "room and pass --resume, or delete it"
        )

    def checkpoint(self) -> None:
        """Flush all rows to disk and count them in the journal; returns when that is done."""
        self._saving.result()
        self._save(self.progress)

    def _save(self, progress: Progress) -> None:
        """Flush the partial file to disk, then replace the journal."""
        os.fsync(self._file)
        fresh = self.journal.with_name(f"{self.journal.name}.new")
        document = {"identity": dict(self.identity), "progress": asdict(progress)}
        fresh.write_text(json.dumps(document), encoding="utf-8")
        publish(fresh, self.journal)

    def publish(self, header: bytes) -> None:
        """Write the header into the free bytes, and rename the partial file to the output.

        Raises:
            VectorFileError: the disk is full or gone; the rows so far are kept.
        """
        try:
            self.checkpoint()
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, header)
            self._close()
            self.journal.unlink()
            publish(self.path, self.target)
        except OSError as error:
            self.kept = True
            raise self._unwritten(error) from error
        self.kept = True  # as the output

    def publish_assembled(self, assemble: Callable[[Path], None], in_place: bool = False) -> None:
        """Make the output with a function that writes it, from the partial file, to the path it is given.

        Args:
            assemble: the function.
            in_place: give it the path of the output itself, to which it appends, all or nothing.

        Raises:
            VectorFileError: the disk is full or gone; the rows so far are kept.
        """
        whole = self.target.with_name(f".{self.target.name}.whole")
        try:
            self.checkpoint()
            if in_place:
                assemble(self.target)
                return
            whole.unlink(missing_ok=True)  # so that no link or device of this name is written into
            assemble(whole)
            publish(whole, self.target)
        except OSError as error:
            self.kept = True
            raise self._unwritten(error) from error
        finally:
            whole.unlink(missing_ok=True)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._saver.shutdown()
        try:
            if kind is not None and issubclass(kind, KeyboardInterrupt) and self._file != _CLOSED:
                self.kept = True
                self._save(self.progress)
            self._close()
            if not self.kept:
                self.journal.unlink(missing_ok=True)
                self.path.unlink(missing_ok=True)
        finally:
            self._close()
            self._lock.release()
