"""Apply a computation to files of any size, window by window, in bounded memory."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import InterruptedRunError, UsageError, VectorFileError
from linguagen.runtime.codes.codec import Codec, Codes
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.reading.array_files import Rows, Window
from linguagen.runtime.reading.maker import Maker
from linguagen.runtime.reading.sources import Source
from linguagen.runtime.reading.tables import ARROW, PARQUET
from linguagen.runtime.vectors import Array, bad_rows, unit_rows
from linguagen.runtime.writing.layouts import Layout
from linguagen.runtime.writing.npy import NpyWriter
from linguagen.runtime.writing.staging import Progress, Staging
from linguagen.runtime.writing.target import find_target
from linguagen.runtime.writing.whole_file import whole_output

T = TypeVar("T")
S = TypeVar("S")
BAD_ROWS = ("refuse", "zero", "drop")
"""What can happen to rows that a task cannot use."""
WINDOW_ROWS = 512
"""Rows that one worker reads, checks and computes: 3 MB, which stay in its cache from step to step."""


def unusable_vectors(chunk: Rows) -> npt.NDArray[np.bool_]:
    """True for each row (rows,) of floats (rows, width) that is zero or not finite; whole numbers can be any."""
    return bad_rows(chunk) if np.issubdtype(chunk.dtype, np.floating) else np.zeros(len(chunk), bool)


@dataclass(frozen=True, eq=False)
class Task:
    """A computation on the rows of a file, and the form of its results."""

    compute: Callable[[Array], Codes]
    """Computes what is written (rows, columns) from rows (rows, width) of length 1."""
    columns: int
    """Elements in a row of the output."""
    dtype: np.dtype[np.generic]
    """Element type of the output."""
    identity: Mapping[str, Any]
    """Model and settings by name: an interrupted run can be resumed only if they are the same."""
    prepare: Callable[[Rows, int, str], tuple[Array, int]] = unit_rows
    """Makes rows (rows, width) of length 1 from rows as read, the first row's number and the origin of the rows, and
    counts those that it had to scale."""
    maker: Maker | None = None
    """The model that makes the results, for formats that can name it; None if there is none."""
    unusable: Callable[[Rows], npt.NDArray[np.bool_]] = unusable_vectors
    """True for each row (rows,) of rows as read that `prepare` refuses."""
    layout: Layout | None = None
    """How the output stores the results; None for what the ending of its name says."""


@dataclass(frozen=True)
class FileReport:
    """What `process_file` did to a file."""

    rows: int
    """Rows written."""
    scaled_rows: int
    """Rows that were not of length 1 and were scaled to it."""
    bad_rows: tuple[int, ...]
    """Numbers of the rows that could not be used, and were written as zeros or dropped."""
    resumed_at: int
    """Rows that an interrupted run had already read."""
    bytes_before: int | None
    """Size of the input; None for standard input."""
    bytes_after: int
    """Size of the output."""


@dataclass(frozen=True, eq=False)
class _Done:
    """The results of one window."""

    rows_read: int
    codes: Codes  # (rows written, columns)
    scaled: int
    bad: tuple[int, ...]


def process_file(
    task: Task,
    source: Source,
    output: Path,
    advance: Callable[[int], None],
    workers: int = 1,
    bad: str = "refuse",
    resume: bool = False,
    inspect: Callable[[Path], None] | None = None,
) -> FileReport:
    """Apply a task to every row of a source; the output appears, or is replaced, only when it is whole.

    Args:
        task: the computation.
        source: an opened file of vectors.
        output: path of the result; its ending says the format. A link is followed; a pipe, a character device or - for
            standard output gets the bytes of the whole result.
        advance: called with the number of rows just finished.
        workers: threads that each read, check and compute a window of their own; with several, load the model with
            threads=1.
        bad: what happens to rows that the task cannot use: `refuse` ends the run, `zero` writes zeros, `drop` leaves
            them out and writes the numbers of the rows kept to `kept_path(output)`.
        resume: resume an interrupted run; if there is none, begin.
        inspect: called with the path of the finished file, before it is copied to a pipe; None for nothing.

    Raises:
        UsageError: the output is the input, another run is writing it, or the interrupted run had other settings.
        VectorError, TextError: rows cannot be used, and such rows are refused.
        VectorFileError: the output cannot be written, or the input is damaged.
        OutputError: the pipe, device or standard output is full or closed.
        InterruptedRunError: Ctrl-C; the rows so far are kept.
    """
    layout = _check_output(task, source, output, bad, resume)
    with whole_output(output) as whole:
        report = _write(task, source, whole, layout, advance, workers, bad, resume)
        if inspect is not None:
            inspect(whole)
    return report


def _write(
    task: Task,
    source: Source,
    output: Path,
    layout: Layout,
    advance: Callable[[int], None],
    workers: int,
    bad: str,
    resume: bool,
) -> FileReport:
    """Write the output, which is a file; arguments and errors as in `process_file`."""
    identity = {**_input_identity(source), **task.identity, "format": layout.suffix, "bad rows": bad}
    staging = Staging(output, layout.row_bytes, layout.header_bytes, identity, resume)
    compute = partial(_compute, task, source.origin, bad)
    try:
        with staging, ThreadPoolExecutor(workers) as pool:
            resumed_at = staging.progress.rows_read
            advance(resumed_at)
            for done in _in_order(pool, compute, source.windows(WINDOW_ROWS, resumed_at), 2 * workers):
                staging.append(layout.pack(done.codes), _after(staging.progress, done))
                advance(done.rows_read)
            _publish(staging, layout, source)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"interrupted after {staging.progress.rows_read} rows, which are kept: to resume, repeat the command with "
            f"--resume; or delete {staging.path}"
        ) from None
    return _report(source, output, staging.progress, resumed_at, bad)


def _check_output(task: Task, source: Source, output: Path, bad: str, resume: bool) -> Layout:
    """The layout of the output, once it is clear that it can be written.

    Raises:
        UsageError: the output cannot be written, is the input, is no file though the options need one, its ending does
            not fit, or the policy for bad rows is unknown.
    """
    if bad not in BAD_ROWS:
        raise UsageError(f"--bad-rows is {bad!r}, expected one of {', '.join(BAD_ROWS)}")
    target = find_target(output)
    if target.streams and bad == "drop":
        raise UsageError(
            f"drop (--bad-rows, --empty) lists the rows kept in OUTPUT.kept.npy, but {target} is no file; "
            "name a file with -o"
        )
    if target.streams and resume:
        raise UsageError(f"--resume needs the rows of an interrupted run, but {target} is no file; leave it out")
    if not target.streams and target.path == Path(os.path.realpath(source.path)):
        raise UsageError(f"the output {output} is the input itself; choose another name with -o")
    return task.layout or Layout.of(output, task.columns, task.dtype, task.maker)


def kept_path(output: Path) -> Path:
    """The file for the numbers of the rows kept, when bad rows are dropped."""
    return output.with_name(f"{output.name}.kept.npy")


def default_output(path: Path, codec: Codec | TrellisCodec) -> Path:
    """The output of `compress` if none is named: vectors.256.npy, vectors.256.int8.npy or vectors.128bytes.npy."""
    kind = "" if codec.kind == "float32" else f".{codec.kind}"
    form = f"{codec.bytes_per_row}bytes" if isinstance(codec, TrellisCodec) else f"{codec.dim}{kind}"
    ending = path.suffix if path.suffix.lower() in (*PARQUET, *ARROW) else ".npy"  # a table stays a table
    return path.with_name(f"{path.stem}.{form}{ending}")


def _compute(task: Task, origin: str, policy: str, window: Window) -> _Done:
    """Read a window and apply a task to it.

    Args:
        task: the computation.
        origin: what messages call the file.
        policy: what happens to bad rows, one of BAD_ROWS.
        window: number of the first row, and the function that reads the rows (rows, width).
    """
    first, chunk = window[0], window[1]()
    bad = np.flatnonzero(task.unusable(chunk)) if policy != "refuse" else np.empty(0, np.intp)
    if not len(bad):
        rows, scaled = task.prepare(chunk, first, origin)
        return _Done(len(chunk), task.compute(rows), scaled, ())
    good = np.delete(np.arange(len(chunk)), bad)
    rows, scaled = task.prepare(chunk[good], first, origin)
    if policy == "zero":
        whole = np.zeros((len(chunk), rows.shape[1]), dtype=np.float32)
        whole[good] = rows
        rows = whole
    codes = task.compute(rows) if len(rows) else np.empty((0, task.columns), task.dtype)
    return _Done(len(chunk), codes, scaled, tuple((first + bad).tolist()))


def _after(progress: Progress, done: _Done) -> Progress:
    """The progress of a run after one more window."""
    return Progress(
        progress.rows_read + done.rows_read,
        progress.rows_written + len(done.codes),
        progress.scaled_rows + done.scaled,
        progress.bad_rows + done.bad,
    )


def _publish(staging: Staging, layout: Layout, source: Source) -> None:
    """Turn the finished partial file into the output.

    Raises:
        VectorFileError: the source had fewer rows than it promised, or the disk is full or gone.
    """
    rows = staging.progress.rows_written
    if source.rows_known is not None and staging.progress.rows_read != source.rows_known:
        raise VectorFileError(
            f"{source.origin}: {staging.progress.rows_read} rows came, {source.rows_known} were promised; copy it again"
        )
    if not layout.assembled:
        staging.publish(layout.header(rows))
        return
    dropped = frozenset(staging.progress.bad_rows) if staging.identity["bad rows"] == "drop" else frozenset()
    staging.publish_assembled(
        lambda target: layout.assemble(staging.path, target, rows, source, dropped), in_place=layout.appends
    )


def _report(source: Source, output: Path, end: Progress, resumed_at: int, policy: str) -> FileReport:
    """The report of a finished run; if bad rows were dropped, also write the numbers (rows kept, 1) of the others."""
    if policy == "drop":
        kept = np.delete(np.arange(end.rows_read), list(end.bad_rows))
        with NpyWriter(kept_path(output), len(kept), 1, "<i8") as writer:
            writer.write(kept[:, None])
    before = source.path.stat().st_size if source.path.is_file() else None
    return FileReport(end.rows_written, end.scaled_rows, end.bad_rows, resumed_at, before, output.stat().st_size)


def _input_identity(source: Source) -> dict[str, Any]:
    """What tells that a run is resumed with the same input: its path, size and time."""
    if not source.path.is_file():
        return {"input": source.origin}
    status = source.path.stat()
    return {"input": str(source.path.resolve()), "input size": status.st_size, "input time": status.st_mtime_ns}


def _in_order(pool: Executor, work: Callable[[S], T], items: Iterable[S], ahead: int) -> Iterator[T]:
    """Yield results in the order of the items, with at most `ahead` of them begun, so that memory stays flat."""
    begun: deque[Future[T]] = deque()
    try:
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) >= ahead:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        for future in begun:
            future.cancel()
