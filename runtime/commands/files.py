"""lg-run compress and expand: one file of vectors becomes another."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from linguagen.models.catalogue import DEFAULT_MODEL, model_for_bytes
from linguagen.models.errors import UsageError
from linguagen.runtime.codes.codec import KINDS, Codec
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.commands.options import (
    AnyModelOption,
    BytesOption,
    ColumnOption,
    DeviceOption,
    DimOption,
    InputArgument,
    KindOption,
    ModelOption,
    OverwriteOption,
    ResumeOption,
    ThreadsOption,
)
from linguagen.runtime.console import megabytes, printable, progress, say, show
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.encoders.expander import Expander
from linguagen.runtime.encoders.tasks import compress_task, expand_task
from linguagen.runtime.measure.evaluation import mean_cosine_of_files
from linguagen.runtime.measure.made_by import check_made_by
from linguagen.runtime.measure.teacher import mismatch_warning
from linguagen.runtime.reading.array_files import VectorFile
from linguagen.runtime.reading.picking import spread_rows
from linguagen.runtime.reading.sources import STDIN, Source, open_vectors
from linguagen.runtime.vectors import FLOAT_TYPES, listed
from linguagen.runtime.writing.layouts import WRITABLE
from linguagen.runtime.writing.process import FileReport, default_output, kept_path, process_file
from linguagen.runtime.writing.target import Kind, find_target
from linguagen.runtime.writing.whole_file import refuse_existing

_TEACHER_ROWS = 256

OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help=f"File to write ({WRITABLE}), a pipe, or - for standard output; by default a name made from INPUT's.",
    ),
]
BadRowsOption = Annotated[
    str,
    typer.Option(
        help="What happens to rows of NaN, infinity or only zeros: refuse ends the run, zero writes zeros, drop leaves "
        "them out and lists the rows kept in OUTPUT.kept.npy."
    ),
]
AgainstOption = Annotated[
    Path | None, typer.Option(help="The original vectors, to print how close the reconstructed ones are.")
]


def compress(
    path: InputArgument,
    output: OutputOption = None,
    model: ModelOption = DEFAULT_MODEL,
    to: KindOption = "float32",
    dim: DimOption = None,
    size: BytesOption = None,
    column: ColumnOption = None,
    bad_rows: BadRowsOption = "refuse",
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Compress a file of vectors to embeddings.

    Embeddings are float32 of length 1, unless --to asks for fewer bytes. The file is read in windows, so it may have
    any size, and the output appears only when it is whole. From a table to a table, the other columns are copied.
    By default vectors.npy becomes vectors.256.npy.

    Example: lg-run compress vectors.npy

    Example: lg-run compress vectors.npy --to int8 -o small.npy

    Example: lg-run compress vectors.npy --bytes 128 -o codes.npy
    """
    workers = threads or usable_cores()
    compressor, codec = _load_codec(model, to, dim, size, device)
    vectors = open_vectors(path, compressor.manifest.input_dim, column)
    target = output or default_output(_named(vectors), codec)
    warn_of_other_teacher(compressor, vectors)
    for written in (target, kept_path(target)) if bad_rows == "drop" else (target,):
        refuse_existing(written, overwrite)
    with progress("compressing", vectors.rows_known) as advance:
        report = process_file(compress_task(compressor, codec), vectors, target, advance, workers, bad_rows, resume)
    _say_report(report, target, bad_rows)
    before = "" if report.bytes_before is None else f"{megabytes(report.bytes_before)} -> "
    form = f"{codec.dim} as {codec.kind}" if size is None else f"{size} bytes"
    say(
        f"{report.rows} x {vectors.width} -> {report.rows} x {form}, "
        f"{before}{megabytes(report.bytes_after)}, model {compressor.manifest.name}"
    )
    show_name(target)


def expand(
    path: Annotated[Path, typer.Argument(metavar="INPUT", help="A file that lg-run compress wrote.")],
    output: OutputOption = None,
    model: ModelOption = DEFAULT_MODEL,
    kind: Annotated[
        str | None,
        typer.Option(
            "--from",
            help=f"How INPUT was written: {', '.join(KINDS)}; by default float32 or float16, and for a .npy file of "
            "uint8 a trellis code, as compress --bytes writes it.",
        ),
    ] = None,
    against: AgainstOption = None,
    column: ColumnOption = None,
    any_model: AnyModelOption = False,
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Reconstruct vectors from embeddings.

    They have the teacher's width, for an index that still holds such vectors. What compression lost stays lost: the
    cosine between a vector and its reconstruction is printed. By default small.npy becomes small.expanded.npy.

    Example: lg-run expand vectors.256.npy

    Example: lg-run expand codes.npy -o back.npy --against vectors.npy
    """
    expander, codec, codes = _open_codes(path, model, kind, column, device)
    if not any_model:
        check_made_by(codes, expander.encoder, codec.kind)
    target = output or _named(codes).with_name(f"{path.stem}.expanded.npy")
    manifest, cosines, workers = expander.manifest, [], threads or usable_cores()

    def compare(whole: Path) -> None:
        """Compare the finished file with the originals, if they were named."""
        if against is not None:
            cosines.append(mean_cosine_of_files(open_vectors(against, manifest.output_dim), open_vectors(whole)))

    refuse_existing(target, overwrite)
    with progress("expanding", codes.rows_known) as advance:
        task = expand_task(expander, codec)
        report = process_file(task, codes, target, advance, workers, resume=resume, inspect=compare)
    say(f"{report.rows} x {manifest.input_dim} -> {report.rows} x {manifest.output_dim}, model {manifest.name}")
    if not cosines:
        say(f"reconstruction cosine to expect: {manifest.reconstruction:.3f} (on {manifest.reconstruction_set})")
    else:
        say(f"mean reconstruction cosine: {cosines[0]:.4f}")
    show_name(target)


def _load_codec(
    model: str, kind: str, dim: int | None, size: int | None, device: str
) -> tuple[Compressor, Codec | TrellisCodec]:
    """The model and the codec that options ask for.

    Raises:
        UsageError: --bytes with --to or --dim, or there is no such codec.
    """
    if size is None:
        compressor = Compressor.load(model, device=device, threads=1)
        return compressor, compressor.codec(kind, dim)
    if kind != "float32" or dim is not None:
        raise UsageError(f"--bytes is {size}, and --to or --dim are given too; leave out either --bytes or these")
    compressor = Compressor.load(model_for_bytes(model), device=device, threads=1)
    return compressor, compressor.byte_codec(size)


def _open_codes(
    path: Path, model: str, kind: str | None, column: str | None, device: str
) -> tuple[Expander, Codec | TrellisCodec, Source]:
    """A file of embeddings or codes, its codec, and the model that expands it.

    Raises:
        UsageError: the kind is unknown, or the model has no codes of this size.
        VectorError: the file holds something else.
    """
    if kind is None and str(path) != STDIN:
        codes = open_vectors(path, None, column, (*FLOAT_TYPES, "uint8"))
        if isinstance(codes, VectorFile) and codes.dtype == np.uint8:
            expander = Expander.load(model_for_bytes(model), device=device, threads=1)
            return expander, expander.byte_codec(codes.width), codes
    expander = Expander.load(model, device=device, threads=1)
    codec = expander.codec(kind or "float32")
    types = FLOAT_TYPES if codec.kind.startswith("float") else (codec.dtype.name,)
    return expander, codec, open_vectors(path, codec.columns, column, types)


def warn_of_other_teacher(compressor: Compressor, vectors: Source) -> None:
    """Warn if a few rows look like another teacher's, before hours are spent with the wrong model."""
    usable = spread_rows(vectors, _TEACHER_ROWS)
    warning = mismatch_warning(compressor.manifest, usable) if len(usable) else None
    if warning:
        say(f"warning: {warning}")


def _named(vectors: Source) -> Path:
    """The path of an opened file, after which its output is named.

    Raises:
        UsageError: the vectors come from standard input, which has no name.
    """
    if str(vectors.path) == STDIN:
        raise UsageError("standard input has no name to call the output after; name it with -o")
    return vectors.path


def show_name(target: Path) -> None:
    """Print the output's name, unless the output itself went to standard output."""
    if find_target(target).kind is not Kind.STDOUT:
        show(printable(str(target)))


def _say_report(report: FileReport, target: Path, policy: str) -> None:
    """Say what happened to unusual rows, and at which row an interrupted run was resumed."""
    if report.resumed_at:
        say(f"resumed at row {report.resumed_at}")
    if report.scaled_rows:
        say(
            f"note: {report.scaled_rows} rows were not of length 1; they were scaled to it, since only direction counts"
        )
    if report.bad_rows:
        dropped = f"left out; the rows kept are listed in {kept_path(target)}"
        done = dropped if policy == "drop" else "written as zeros"
        say(f"note: {len(report.bad_rows)} rows were zero or not finite ({listed(report.bad_rows)}); they were {done}")
