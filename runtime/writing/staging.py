"""An output under way: rows beside their target until all are there, locked, and safe against kills.

Beside `NAME` lie, while a run is under way or after it was killed::

    .NAME.partial       the rows so far, locked by the process that writes them
    .NAME.partial.json  the journal: what run this is, and how many rows are safely on disk

The journal never promises rows that are not on disk: it is replaced whole, after they were flushed.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from linguagen.models.errors import UsageError, VectorFileError
from linguagen.runtime.writing.whole_file import publish

fcntl: Any
try:
    import fcntl
except ImportError:  # no such locks on this system: two runs on one output are then the user's to avoid
    fcntl = None

_SECONDS_BETWEEN_CHECKPOINTS = 1.0


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    rows_read: int = 0
    rows_written: int = 0
    scaled_rows: int = 0
    bad_rows: tuple[int, ...] = ()


@dataclass
class Staging:
    """The partial file of one output.

    Use it as a context: an error removes it, an interrupt or a full disk leaves it for `resume`.
    """

    output: Path
    row_bytes: int
    header_bytes: int
    """Left free at the file's start."""
    identity: Mapping[str, Any]
    """What must be the same for a run to be gone on with: input, model, settings."""
    resume: bool
    progress: Progress = field(default_factory=Progress)
    kept: bool = False
    """True once the partial file is to be left for `resume`."""

    def __post_init__(self) -> None:
        self.path = self.output.with_name(f".{self.output.name}.partial")
        self.journal = self.output.with_name(f".{self.output.name}.partial.json")
        self._saver = ThreadPoolExecutor(1)
        self._saving: Future[None] = Future()
        self._saving.set_result(None)
        self._saved = time.monotonic()

    def __enter__(self) -> "Staging":
        self._open_and_lock()
        try:
            if self.resume:
                self.progress = self._read_journal()
            os.ftruncate(self._file, self._end)
            os.lseek(self._file, self._end, os.SEEK_SET)
            self.checkpoint()
        except BaseException:
            os.close(self._file)
            raise
        return self

    @property
    def _end(self) -> int:
        return self.header_bytes + self.progress.rows_written * self.row_bytes

    def _open_and_lock(self) -> None:
        while True:
            try:
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                raise VectorFileError(
                    f"cannot write {self.output}: {error.strerror}; choose another place with -o"
                ) from error
            if fcntl is None:
                return
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(self._file), self.path.stat()):
                    return
            except FileNotFoundError:
                pass  # the other run has just finished, and the file locked here is its output: open anew
            except OSError as error:
                os.close(self._file)
                raise UsageError(
                    f"another run is writing {self.output} just now; wait for it, or choose another name with -o"
                ) from error
            os.close(self._file)

    def _read_journal(self) -> Progress:
        try:
            document = json.loads(self.journal.read_text(encoding="utf-8"))
            identity, progress = document["identity"], Progress(**document["progress"])
        except FileNotFoundError:
            return Progress()  # nothing was begun: begin
        except (ValueError, KeyError, TypeError) as error:
            raise VectorFileError(f"{self.journal} cannot be read ({error}); start again without --resume") from error
        changed = [name for name, value in self.identity.items() if identity.get(name) != value]
        if changed:
            raise UsageError(
                f"cannot go on with {self.output}: {', '.join(changed)} changed since that run began "
                f"({', '.join(f'{identity.get(name)} then, {self.identity[name]} now' for name in changed)}); "
                "start again without --resume"
            )
        size = os.fstat(self._file).st_size
        if size < self.header_bytes + progress.rows_written * self.row_bytes:
            raise VectorFileError(
                f"{self.path} has {size} bytes, fewer than its journal says; start again without --resume"
            )
        return replace(progress, bad_rows=tuple(progress.bad_rows))

    def append(self, data: bytes | memoryview, progress: Progress) -> None:
        """Write rows, after which the run is at `progress`.

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
                self._saving = self._saver.submit(self._save, progress)  # the disk need not be waited for
        except OSError as error:
            self.kept = True
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> VectorFileError:
        return VectorFileError(
            f"cannot write {self.output}: {error.strerror or error}; the rows so far are kept in {self.path}: mend "
            "that and pass --resume, or delete it"
        )

    def checkpoint(self) -> None:
        """Flush what is written and say so in the journal, before this returns."""
        self._saving.result()
        self._save(self.progress)

    def _save(self, progress: Progress) -> None:
        os.fsync(self._file)
        fresh = self.journal.with_name(f"{self.journal.name}.new")
        document = {"identity": dict(self.identity), "progress": asdict(progress)}
        fresh.write_text(json.dumps(document), encoding="utf-8")
        publish(fresh, self.journal)

    def publish(self, header: bytes) -> None:
        """Fill the free bytes at the start, and give the partial file the output's name.

        Raises:
            VectorFileError: the disk is full or gone; the rows so far are kept.
        """
        try:
            self.checkpoint()
            os.pwrite(self._file, header, 0)
            self.journal.unlink()
            publish(self.path, self.output)
        except OSError as error:
            self.kept = True
            raise self._unwritten(error) from error
        self.kept = True  # as the output

    def publish_assembled(self, assemble: Callable[[Path], None]) -> None:
        """Let a function write the output from the partial file, under another temporary name, then name it."""
        whole = self.output.with_name(f".{self.output.name}.whole")
        try:
            self.checkpoint()
            assemble(whole)
            publish(whole, self.output)
        except OSError as error:
            self.kept = True
            raise self._unwritten(error) from error
        finally:
            whole.unlink(missing_ok=True)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._saver.shutdown()
        try:
            if kind is not None and issubclass(kind, KeyboardInterrupt):
                self.kept = True
                self._save(self.progress)
            if not self.kept:
                self.journal.unlink(missing_ok=True)
                self.path.unlink(missing_ok=True)
        finally:
            os.close(self._file)
