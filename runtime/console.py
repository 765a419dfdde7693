"""What the three commands share: help and version, aligned tables, progress on a terminal, one-line errors."""

import errno
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any

import typer
from typer.core import TyperGroup

from linguagen import __version__
from linguagen.models.errors import LinguaGenError, OutputError
from linguagen.models.manifests.tagger import TaggerFigure
from linguagen.models.manifests.text import TextFigure
from linguagen.models.manifests.vectors import FidelityRow

SECONDS_BETWEEN_LINES = 60.0
"""Seconds between two lines about the progress of a command that has no terminal."""
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
JSON_HELP = "Print the figures as JSON, for programs."


def printable(text: str) -> str:
    """Text for one line of a terminal: what would steer it, or turn the order of letters, is escaped as in Python.

    That is C0 and C1 control characters, DEL, line and paragraph separators, marks of direction, and the halves of
    characters that stand for bytes of a path which are not UTF-8.
    """
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def say(message: str) -> None:
    """Print a line on stderr, so that stdout holds results only; if nobody can read it, the command goes on."""
    with suppress(OSError):
        typer.echo(printable(message), err=True)


def show(result: object) -> None:
    """Print a result on stdout, of one line or several; control characters within a line are escaped.

    Raises:
        OutputError: standard output is full or closed.
    """
    try:
        typer.echo("\n".join(map(printable, str(result).split("\n"))))
    except OSError as error:
        raise _stdout_failed(error) from error


def print_json(document: Any) -> None:
    """Print figures for programs: indented JSON on stdout."""
    show(json.dumps(document, indent=2))


def json_line(document: Any) -> str:
    """A document as JSON on one line, other scripts readable; what would steer a terminal is escaped as JSON does."""
    text = json.dumps(document, ensure_ascii=False)
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _stdout_failed(error: OSError) -> OutputError:
    """The error to raise when standard output is full or closed."""
    abandon_stdout()
    return OutputError(f"cannot write standard output: {error.strerror}; send it to a place that takes it")


def abandon_stdout() -> None:
    """Send standard output nowhere: what Python still holds for it would fail again when the process ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def new_app(summary: str, cls: type[TyperGroup] = TyperGroup) -> typer.Typer:
    """A typer application with shell completion, plain help and plain tracebacks.

    Args:
        summary: its help.
        cls: the class of its group of commands.
    """
    return typer.Typer(
        help=summary,
        cls=cls,
        no_args_is_help=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def version_option(name: str) -> Any:
    """The option `--version` of a command, which prints a line such as "lg-run 0.1.0" and exits."""

    def print_version(asked: bool) -> None:
        """Print the version if the option was given."""
        if asked:
            show(f"{name} {__version__}")
            raise typer.Exit

    return typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")


_STDOUT_ERRORS = (errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EBADF)


def run_app(app: Callable[[], Any]) -> None:
    """Run a command; a LinguaGenError becomes one line on stderr and its exit code."""
    try:
        if sys.stdout is None:
            raise OutputError("standard output is closed; send it somewhere, such as to /dev/null")
        _run(app)
    except LinguaGenError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code)


def _run(app: Callable[[], Any]) -> None:
    """Run a command. Help is printed by typer, which is silent or falls over if standard output is full or closed.

    Raises:
        OutputError: standard output is full or closed.
    """
    try:
        app()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            raise _stdout_failed(end.__context__) from end
        raise
    except OSError as error:
        if error.errno not in _STDOUT_ERRORS or error.filename is not None:
            raise
        raise _stdout_failed(error) from error


@contextmanager
def progress(label: str, steps: int | None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal; elsewhere print a line a minute, and none in the first.

    Args:
        label: the word before the bar.
        steps: steps in all; None if the number is not known, to show a count instead.

    Yields:
        A function that advances the bar by a number of steps.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        with _lines(label, steps) as advance:
            yield advance
        return
    if steps is None:
        done = 0

        def count(more: int) -> None:
            """Show the steps done so far."""
            nonlocal done
            done += more
            typer.echo(f"\r{label}  {done}", err=True, nl=False)

        yield count
        typer.echo(err=True)
        return
    with typer.progressbar(length=steps, label=label, file=sys.stderr, show_pos=True) as bar:
        yield bar.update


@contextmanager
def _lines(label: str, steps: int | None) -> Iterator[Callable[[int], None]]:
    """Inside: a thread prints a line about the progress every `SECONDS_BETWEEN_LINES`, whether steps are taken or not.

    Args:
        label: the word at the start of a line.
        steps: steps in all; None if the number is not known.

    Yields:
        A function that counts a number of steps.
    """
    began, done, ended = time.monotonic(), 0, threading.Event()

    def count(more: int) -> None:
        """Count steps."""
        nonlocal done
        done += more

    def talk() -> None:
        """Print lines until the end."""
        while not ended.wait(SECONDS_BETWEEN_LINES):
            say(progress_line(label, done, steps, time.monotonic() - began))

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield count
    finally:
        ended.set()
        thread.join()


def progress_line(label: str, done: int, steps: int | None, seconds: float) -> str:
    """A line such as "training  1200 of 4000, 3 min left".

    Args:
        label: the word at its start.
        done: steps done.
        steps: steps in all; None if the number is not known.
        seconds: that the steps done took; if none is done or the end is not known, the line says them instead.
    """
    if not (steps and done):
        return f"{label}  {done}{f' of {steps}' if steps else ''}, {seconds / 60:.0f} min so far"
    return f"{label}  {done} of {steps}, {max(0, steps - done) * seconds / done / 60:.0f} min left"


def megabytes(size: int) -> str:
    """A size in bytes, such as "0.8 MB"."""
    return f"{size / 1e6:.1f} MB"


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with aligned columns: the first to the left, the others to the right; cells are escaped."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in (header, *rows)) for column in range(len(header))]
    lines = []
    for line in (header, ["-" * width for width in widths], *rows):
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        cells[0] = line[0].ljust(widths[0])
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def fidelity_table(rows: Sequence[FidelityRow], neighbours: int) -> str:
    """The fidelity table of an encoder and its controls, for recall at `neighbours`."""
    header = ["method", "dims", f"recall@{neighbours}", "pair r", "pair error", "mean cosine", "reconstruction"]
    body = [
        [
            row.method,
            str(row.dim),
            f"{row.recall:.3f}",
            f"{row.pair_correlation:.3f}",
            f"{row.pair_error:.3f}",
            f"{row.mean_cosine:.3f}",
            "-" if row.reconstruction is None else f"{row.reconstruction:.3f}",
        ]
        for row in rows
    ]
    before = f"mean cosine of the originals: {rows[0].mean_cosine_before:.3f}"
    return f"{format_table(header, body)}\n{before}"


def text_figures_table(figures: Sequence[TextFigure]) -> str:
    """The table of a text encoder's figures, next to those of the mean of its token table."""
    return format_table(["on texts held out", "encoder", "mean of its table"], text_figure_rows(figures))


def text_figure_rows(figures: Sequence[TextFigure]) -> list[list[str]]:
    """Each figure of a text encoder: its name, the encoder's, and that of the mean of its token table."""
    return [[each.name, f"{each.encoder:.3f}", f"{each.mean_of_table:.3f}"] for each in figures]


def tagger_figures_table(figures: Sequence[TaggerFigure]) -> str:
    """The table of a tagger's figures, next to those of simple methods."""
    return format_table(["on sentences held out", "tagger", "most frequent label", "CRF"], tagger_figure_rows(figures))


def tagger_figure_rows(figures: Sequence[TaggerFigure]) -> list[list[str]]:
    """Each figure of a tagger: its name, the tagger's, that of the most frequent label, and a CRF's if there is one."""
    return [
        [each.name, f"{each.tagger:.3f}", f"{each.most_frequent:.3f}", "-" if each.crf is None else f"{each.crf:.3f}"]
        for each in figures
    ]


def fidelity_document(rows: Sequence[FidelityRow]) -> list[dict[str, Any]]:
    """The fidelity table for `--json`."""
    return [asdict(row) for row in rows]
