"""Files of any size, window by window, in bounded memory: compress and expand."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from linguagen.models.errors import InterruptedRunError, UsageError, VectorFileError
from linguagen.runtime.codes.codec import Codec, Codes
from linguagen.runtime.reading.array_files import Rows, Window
from linguagen.runtime.reading.sources import Source
from linguagen.runtime.reading.tables import ARROW, PARQUET
from linguagen.runtime.vectors import Array, bad_rows, unit_rows
from linguagen.runtime.writing.layouts import Layout
from linguagen.runtime.writing.npy import NpyWriter
from linguagen.runtime.writing.staging import Progress, Staging

T = TypeVar("T")
S = TypeVar("S")
BAD_ROWS = ("refuse", "zero", "drop")
WINDOW_ROWS = 512
"""Rows that one worker reads, checks and computes: at 3 MB they are still in its cache for the next step."""


@dataclass(frozen=True, eq=False)
class Task:
    """What is done to the rows of a file."""

    encode: Callable[[Array], Codes]
    """From rows (rows, width) of length 1 to what is written (rows, columns)."""
    columns: int
    dtype: np.dtype[np.generic]
    identity: Mapping[str, Any]
    """Model and settings: what must be the same for a broken run to be gone on with."""
    prepare: Callable[[Rows, int, str], tuple[Array, int]] = unit_rows
    """Makes rows of length 1 of what is read; told the first row's number and the source's name."""


@dataclass(frozen=True)
class FileReport:
    """What was done to a file."""

    rows: int
    """Rows written."""
    scaled_rows: int
    """Rows that were not of length 1 and were scaled to it."""
    bad_rows: tuple[int, ...]
    """Rows that were zero or not finite, and were written as zeros or dropped."""
    resumed_at: int
    """Rows that an earlier run had already read."""
    bytes_before: int | None
    bytes_after: int


@dataclass(frozen=True, eq=False)
class _Done:
    """A finished window."""

    rows_read: int
    codes: Codes
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
) -> FileReport:
    """Do a task to every row of a source; the output appears only when it is whole.

    Reading, checking and computing of different windows go on side by side, so that no core waits for the disk.

    Args:
        task: what is done.
        source: an opened source.
        output: where the result goes, in the format of its ending.
        advance: told the number of rows just finished.
        workers: windows worked on at a time; a session for several has threads=1, since each worker is a thread.
        bad: what happens to rows that are zero or not finite: `refuse` ends the run, `zero` writes zeros, `drop`
            leaves them out and writes the numbers of the rows kept beside the output.
        resume: go on from where a run that was killed had come; without such a run, begin.

    Raises:
        UsageError: the output is the input, another run writes it, or the broken run was another one.
        VectorError: rows that are zero or not finite, where these are refused.
        VectorFileError: the output cannot be written, or the input is damaged.
    """
    if output.resolve() == source.path.resolve():
        raise UsageError(f"the output {output} is the input itself; choose another name with -o")
    if bad not in BAD_ROWS:
        raise UsageError(f"--bad-rows is {bad!r}, expected one of {', '.join(BAD_ROWS)}")
    layout = Layout.of(output, task.columns, task.dtype)
    identity = {**_input_identity(source), **task.identity, "format": layout.suffix, "bad rows": bad}
    staging = Staging(output, layout.row_bytes, layout.header_bytes, identity, resume)
    try:
        with staging:
            begun = staging.progress
            advance(begun.rows_read)
            with ThreadPoolExecutor(workers) as pool:

                def work(window: Window) -> _Done:
                    return _work(task, window[0], window[1](), source.origin, bad)

                windows = source.windows(WINDOW_ROWS, begun.rows_read)
                for done in _in_order(pool, work, windows, 2 * workers):
                    staging.append(layout.pack(done.codes), _after(staging.progress, done))
                    advance(done.rows_read)
            _publish(staging, layout, source)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"interrupted after {staging.progress.rows_read} rows, which are kept: the same command with --resume goes "
            f"on from there; or delete {staging.path}"
        ) from None
    end = staging.progress
    if bad == "drop":
        _write_kept(output, end)
    before = source.path.stat().st_size if source.path.is_file() else None
    return FileReport(end.rows_written, end.scaled_rows, end.bad_rows, begun.rows_read, before, output.stat().st_size)


def kept_path(output: Path) -> Path:
    """Where the numbers of the rows kept are written when bad rows are dropped."""
    return output.with_name(f"{output.name}.kept.npy")


def default_output(source: Path, codec: Codec) -> Path:
    """`vectors.npy` becomes `vectors.256.npy` or `vectors.256.int8.npy`, and a table a table, in the same folder."""
    kind = "" if codec.kind == "float32" else f".{codec.kind}"
    ending = source.suffix if source.suffix.lower() in (*PARQUET, *ARROW) else ".npy"
    return source.with_name(f"{source.stem}.{codec.dim}{kind}{ending}")


def _work(task: Task, start: int, chunk: Rows, origin: str, policy: str) -> _Done:
    floats = np.issubdtype(chunk.dtype, np.floating)
    bad = np.flatnonzero(bad_rows(chunk)) if policy != "refuse" and floats else np.empty(0, np.intp)
    if not len(bad):
        rows, scaled = task.prepare(chunk, start, origin)
        return _Done(len(chunk), task.encode(rows), scaled, ())
    good = np.delete(np.arange(len(chunk)), bad)
    rows, scaled = task.prepare(chunk[good], start, origin)
    if policy == "zero":
        whole = np.zeros(chunk.shape, dtype=np.float32)
        whole[good] = rows
        rows = whole
    codes = task.encode(rows) if len(rows) else np.empty((0, task.columns), task.dtype)
    return _Done(len(chunk), codes, scaled, tuple((start + bad).tolist()))


def _after(progress: Progress, done: _Done) -> Progress:
    return Progress(
        progress.rows_read + done.rows_read,
        progress.rows_written + len(done.codes),
        progress.scaled_rows + done.scaled,
        progress.bad_rows + done.bad,
    )


def _publish(staging: Staging, layout: Layout, source: Source) -> None:
    rows = staging.progress.rows_written
    if source.rows_known is not None and staging.progress.rows_read != source.rows_known:
        raise VectorFileError(
            f"{source.origin}: {staging.progress.rows_read} rows came, {source.rows_known} were promised; copy it again"
        )
    if not layout.assembled:
        staging.publish(layout.header(rows))
        return
    dropped = frozenset(staging.progress.bad_rows) if staging.identity["bad rows"] == "drop" else frozenset()
    staging.publish_assembled(lambda target: layout.assemble(staging.path, target, rows, source, dropped))


def _write_kept(output: Path, end: Progress) -> None:
    kept = np.delete(np.arange(end.rows_read), list(end.bad_rows))
    with NpyWriter(kept_path(output), len(kept), 1, "<i8") as writer:
        writer.write(kept[:, None])


def _input_identity(source: Source) -> dict[str, Any]:
    if not source.path.is_file():
        return {"input": source.origin}
    status = source.path.stat()
    return {"input": str(source.path.resolve()), "input size": status.st_size, "input time": status.st_mtime_ns}


def _in_order(pool: Executor, work: Callable[[S], T], items: Iterable[S], ahead: int) -> Iterator[T]:
    """Results in the items' order, at most `ahead` of them begun before they are asked for: memory stays flat."""
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
