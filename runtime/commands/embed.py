"""lg-run embed: files of texts become files of embeddings."""

import json
from pathlib import Path
from typing import Annotated

import typer

from linguagen.models.catalogue import DEFAULT_TEXT_MODEL
from linguagen.models.errors import UsageError
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.commands.files import show_name
from linguagen.runtime.commands.options import (
    DeviceOption,
    DimOption,
    KindOption,
    OverwriteOption,
    ResumeOption,
    TextModelOption,
    ThreadsOption,
)
from linguagen.runtime.console import progress, say, show
from linguagen.runtime.encoders.tasks import embed_task
from linguagen.runtime.encoders.text_encoder import TextEncoder
from linguagen.runtime.encoders.text_sources import READABLE_TEXTS, TextFolder, TextSource, TextTable, open_texts
from linguagen.runtime.reading.sources import STDIN
from linguagen.runtime.reading.tables import ARROW, PARQUET
from linguagen.runtime.vectors import listed
from linguagen.runtime.writing.layouts import WRITABLE
from linguagen.runtime.writing.process import BAD_ROWS, FileReport, kept_path, process_file
from linguagen.runtime.writing.whole_file import refuse_existing


def embed(
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="[INPUTS]...", help=f"Folders, files ({READABLE_TEXTS}), or -.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="A text itself; its embedding is printed as JSON.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help=f"File to write ({WRITABLE}), a pipe, or - for standard output; by default lines.npy for lines.txt.",
        ),
    ] = None,
    model: TextModelOption = DEFAULT_TEXT_MODEL,
    to: KindOption = "float32",
    dim: DimOption = None,
    column: Annotated[str, typer.Option(help="Column that holds the texts of records and tables.")] = "text",
    empty: Annotated[
        str,
        typer.Option(
            help="What happens to texts without a token: refuse ends the run, zero writes zeros, drop leaves them out "
            "and lists the rows kept in OUTPUT.kept.npy."
        ),
    ] = "refuse",
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Embed every text of files, on this machine.

    Files are read in blocks, so they may have any size, and an output appears only when it is whole. From a table to a
    table, the other columns are copied. A folder's .txt and .md files are a text each, in the order of their names; a
    table of them has the names in its column file.

    Example: lg-run embed lines.txt -o vectors.npy

    Example: lg-run embed --text "a man is playing a guitar"
    """
    paths = inputs or []
    _check_options(paths, text, output, empty)
    encoder = TextEncoder.load(model, device=device, threads=threads)
    codec = encoder.codec(to, dim)
    if text is not None:
        row = codec.encode(encoder.embed(text))[0]
        show(json.dumps([round(number, 7) for number in row.tolist()]))
    for path in paths:
        _embed_file(encoder, codec, open_texts(path, column), output, empty, overwrite, resume)


def _check_options(paths: list[str], text: str | None, output: Path | None, empty: str) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: they do, or the policy for empty texts is unknown.
    """
    if (text is None) == (not paths):
        raise UsageError('expected files of texts, or --text "a text", and not both')
    if output is not None and len(paths) != 1:
        raise UsageError(f"-o {output} is for one input, and {len(paths)} are given; leave -o out")
    if empty not in BAD_ROWS:
        raise UsageError(f"--empty is {empty!r}, expected one of {', '.join(BAD_ROWS)}")


def _embed_file(
    encoder: TextEncoder,
    codec: Codec,
    texts: TextSource | TextTable,
    output: Path | None,
    empty: str,
    overwrite: bool,
    resume: bool,
) -> None:
    """Embed the texts of a file, by default to NAME.npy next to it, or of a table to NAME.256.parquet."""
    target = output or _default_output(texts, codec, encoder.manifest.output_dim)
    for written in (target, kept_path(target)) if empty == "drop" else (target,):
        refuse_existing(written, overwrite)
    with progress("embedding", texts.rows_known) as advance:
        report = process_file(embed_task(encoder, codec), texts, target, advance, bad=empty, resume=resume)
    _say_report(report, target, empty)
    say(f"{report.rows} texts, {codec.dim} dimensions each as {codec.kind}, model {encoder.manifest.name}")
    if isinstance(texts, TextFolder) and target.suffix.lower() not in (*PARQUET, *ARROW):
        say("rows are in the order of the files' names; to have the names too, write a table: -o NAME.parquet")
    if texts.path.suffix == ".txt" and codec.kind.startswith("float") and codec.dim == encoder.manifest.output_dim:
        say(f"next: lg-run search QUERY --in {target} --text {texts.path}")
    show_name(target)


def _say_report(report: FileReport, target: Path, policy: str) -> None:
    """Say what happened to empty texts, and at which text an interrupted run was resumed."""
    if report.resumed_at:
        say(f"resumed at text {report.resumed_at + 1}")
    if report.bad_rows:
        numbers = listed([number + 1 for number in report.bad_rows[:11]])
        dropped = f"left out; the rows kept are listed in {kept_path(target)}"
        done = dropped if policy == "drop" else "written as zeros"
        say(f"note: {len(report.bad_rows)} texts were empty ({numbers}, counted from 1); they were {done}")


def _default_output(texts: TextSource | TextTable, codec: Codec, dim: int) -> Path:
    """The output if none is named: lines.npy, lines.128.int8.npy for codes, or NAME.256.parquet for a table.

    Raises:
        UsageError: the texts come from standard input, which has no name.
    """
    path = texts.path
    if str(path) == STDIN:
        raise UsageError("standard input has no name to call the output after; name it with -o")
    kind = "" if codec.kind == "float32" else f".{codec.kind}"
    if isinstance(texts, TextTable) and not isinstance(texts, TextFolder):
        return path.with_name(f"{path.stem}.{codec.dim}{kind}{path.suffix}")
    width = f".{codec.dim}" if kind or codec.dim != dim else ""
    return path.with_name(f"{path.name.split('.')[0]}{width}{kind}.npy")
