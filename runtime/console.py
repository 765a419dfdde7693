"""What the three commands share: help and version, aligned tables, progress on a terminal, one-line errors."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import typer
from typer.core import TyperGroup

from linguagen import __version__
from linguagen.models.errors import LinguaGenError
from linguagen.models.manifests.text import TextFigure
from linguagen.models.manifests.vectors import FidelityRow

JSON_HELP = "Print the figures as JSON, for programs."


def say(message: str) -> None:
    """Print a message on stderr, so that stdout holds results only."""
    typer.echo(message, err=True)


def print_json(document: Any) -> None:
    """Print figures for programs: indented JSON on stdout."""
    typer.echo(json.dumps(document, indent=2))


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
            typer.echo(f"{name} {__version__}")
            raise typer.Exit

    return typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")


def run_app(app: Callable[[], Any]) -> None:
    """Run a command; a LinguaGenError becomes one line on stderr and its exit code."""
    try:
        app()
    except LinguaGenError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code)


@contextmanager
def progress(label: str, steps: int | None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal, and nothing in a pipe.

    Args:
        label: the word before the bar.
        steps: steps in all; None if the number is not known, to show a count instead.

    Yields:
        A function that advances the bar by a number of steps.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
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


def megabytes(size: int) -> str:
    """A size in bytes, such as "0.8 MB"."""
    return f"{size / 1e6:.1f} MB"


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with aligned columns: the first to the left, the others to the right."""
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
    body = [[each.name, f"{each.encoder:.3f}", f"{each.mean_of_table:.3f}"] for each in figures]
    return format_table(["on texts held out", "encoder", "mean of its table"], body)


def fidelity_document(rows: Sequence[FidelityRow]) -> list[dict[str, Any]]:
    """The fidelity table for `--json`."""
    return [asdict(row) for row in rows]
