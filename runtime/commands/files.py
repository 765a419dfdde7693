"""lg-run: the commands that turn one file into another (compress, expand)."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from linguagen.models.catalogue import DEFAULT_MODEL
from linguagen.models.errors import UsageError
from linguagen.runtime.codes.codec import KINDS
from linguagen.runtime.commands.app import DeviceOption, ModelOption, ThreadsOption, app
from linguagen.runtime.commands.models import megabytes
from linguagen.runtime.console import progress, say
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.encoders.cores import usable_cores
from linguagen.runtime.encoders.expander import Expander
from linguagen.runtime.encoders.tasks import compress_task, expand_task
from linguagen.runtime.measure.evaluation import mean_cosine_of_files
from linguagen.runtime.measure.teacher import mismatch_warning
from linguagen.runtime.reading.picking import spread_rows
from linguagen.runtime.reading.sources import READABLE, STDIN, Source, open_vectors
from linguagen.runtime.vectors import FLOAT_TYPES, listed
from linguagen.runtime.writing.layouts import WRITABLE
from linguagen.runtime.writing.process import FileReport, default_output, kept_path, process_file

_TEACHER_ROWS = 256

InputArgument = Annotated[
    Path, typer.Argument(metavar="INPUT", help=f"A file of vectors ({READABLE}), or - for standard input.")
]
ColumnOption = Annotated[
    str | None, typer.Option(help="Which column, array or dataset holds the vectors, where a file has several.")
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Go on from where a run that was killed or stopped had come.")
]
BadRowsOption = Annotated[
    str,
    typer.Option(
        help="Rows of NaN, infinity or only zeros: refuse ends the run, zero writes zeros, drop leaves them out and "
        "lists the rows kept in OUTPUT.kept.npy."
    ),
]


@app.command()
def compress(
    source: InputArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help=f"Where the embeddings go ({WRITABLE}), or - for standard output; "
            "by default vectors.npy becomes vectors.256.npy.",
        ),
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    to: Annotated[str, typer.Option(help=f"How embeddings are written: {', '.join(KINDS)}.")] = "float32",
    dim: Annotated[
        int | None, typer.Option(help="Keep only so many leading dimensions, scaled to length 1 again.")
    ] = None,
    column: ColumnOption = None,
    bad_rows: BadRowsOption = "refuse",
    resume: ResumeOption = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Compress a file of vectors to a file of embeddings, by default float32 of length 1.

    The input is read in windows and the output appears only when it is whole, so files of any size work. From a table
    to a table, the other columns go along.

    Example: lg-run compress vectors.npy --to int8 -o small.npy
    """
    workers = threads or usable_cores()
    compressor = Compressor.load(model, device=device, threads=1)
    codec = compressor.codec(to, dim)
    vectors = open_vectors(source, compressor.manifest.input_dim, column)
    warn_of_other_teacher(compressor, vectors)
    target = output or default_output(_named(vectors), codec)
    with _target(target) as path, progress("compressing", vectors.rows_known) as advance:
        report = process_file(compress_task(compressor, codec), vectors, path, advance, workers, bad_rows, resume)
    _say_report(report, target, bad_rows)
    before = "" if report.bytes_before is None else f"{megabytes(report.bytes_before)} -> "
    say(
        f"{report.rows} x {vectors.width} -> {report.rows} x {codec.dim} as {codec.kind}, "
        f"{before}{megabytes(report.bytes_after)}, model {compressor.manifest.name}"
    )
    _echo(target)


@app.command()
def expand(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A file that lg-run compress wrote.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where the vectors go; by default small.npy becomes small.expanded.npy."),
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    kind: Annotated[
        str, typer.Option("--from", help=f"How the embeddings are written: {', '.join(KINDS)}.")
    ] = "float32",
    against: Annotated[
        Path | None, typer.Option(help="The original vectors: prints how near the reconstructed ones are.")
    ] = None,
    column: ColumnOption = None,
    resume: ResumeOption = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Reconstruct vectors of the teacher's width from embeddings, for an index that still holds such vectors.

    What compression lost stays lost: the cosine between a vector and its reconstruction is printed.

    Example: lg-run expand vectors.256.npy -o back.npy --against vectors.npy
    """
    expander = Expander.load(model, device=device, threads=1)
    codec = expander.codec(kind)
    types = FLOAT_TYPES if kind.startswith("float") else (codec.dtype.name,)
    codes = open_vectors(source, codec.columns, column, types)
    target = output or _named(codes).with_name(f"{source.stem}.expanded.npy")
    with _target(target) as path, progress("expanding", codes.rows_known) as advance:
        task = expand_task(expander, codec)
        report = process_file(task, codes, path, advance, threads or usable_cores(), resume=resume)
        if against is not None:
            originals = open_vectors(against, expander.manifest.output_dim)
            cosine = mean_cosine_of_files(originals, open_vectors(path))
    manifest = expander.manifest
    say(f"{report.rows} x {manifest.input_dim} -> {report.rows} x {manifest.output_dim}, model {manifest.name}")
    if against is not None:
        say(f"mean reconstruction cosine: {cosine:.4f}")
    else:
        say(f"reconstruction cosine to expect: {manifest.reconstruction:.3f} (on {manifest.reconstruction_set})")
    _echo(target)


def warn_of_other_teacher(compressor: Compressor, vectors: Source) -> None:
    """Look at a few rows, before hours are spent on the wrong model."""
    usable = spread_rows(vectors, _TEACHER_ROWS)
    warning = mismatch_warning(compressor.manifest, usable) if len(usable) else None
    if warning:
        say(f"warning: {warning}")


def _named(source: Source) -> Path:
    if str(source.path) == STDIN:
        raise UsageError("standard input has no name to call the output after; name it with -o")
    return source.path


@contextmanager
def _target(target: Path) -> Iterator[Path]:
    """The output's path; for standard output a temporary file, copied out when it is whole."""
    if str(target) != STDIN:
        yield target
        return
    with TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.npy"
        yield whole
        with whole.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)


def _echo(target: Path) -> None:
    if str(target) != STDIN:
        typer.echo(target)


def _say_report(report: FileReport, target: Path, policy: str) -> None:
    if report.resumed_at:
        say(f"went on from row {report.resumed_at}")
    if report.scaled_rows:
        say(
            f"note: {report.scaled_rows} rows were not of length 1; they were scaled to it, since only direction counts"
        )
    if report.bad_rows:
        dropped = f"left out; the rows kept are listed in {kept_path(target)}"
        done = dropped if policy == "drop" else "written as zeros"
        say(f"note: {len(report.bad_rows)} rows were zero or not finite ({listed(report.bad_rows)}); they were {done}")
