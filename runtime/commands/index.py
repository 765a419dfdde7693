"""lg-run index: files of vectors or texts become an index in one file, to which rows are added and removed."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from linguagen.models.catalogue import DEFAULT_MODEL, DEFAULT_TEXT_MODEL, find_model, model_for_bytes
from linguagen.models.errors import UsageError
from linguagen.models.manifests.vectors import Manifest
from linguagen.runtime.codes.codec import KINDS, Codec
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.commands.files import show_name, warn_of_other_teacher
from linguagen.runtime.commands.options import (
    AnyModelOption,
    BytesOption,
    DimOption,
    OverwriteOption,
    ResumeOption,
    ThreadsOption,
)
from linguagen.runtime.console import megabytes, progress, say
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.encoders.tasks import compress_task, embed_task, encode_task
from linguagen.runtime.encoders.text_encoder import TextEncoder
from linguagen.runtime.encoders.text_sources import READABLE_TEXTS, open_texts
from linguagen.runtime.index.container import Container
from linguagen.runtime.index.flat import write_flat
from linguagen.runtime.index.layout import AddedLayout, IndexLayout
from linguagen.runtime.index.model import IndexModel
from linguagen.runtime.measure.made_by import check_made_by
from linguagen.runtime.reading.sources import READABLE, Source, open_vectors
from linguagen.runtime.vectors import check_layout
from linguagen.runtime.writing.process import FileReport, Task, process_file
from linguagen.runtime.writing.whole_file import refuse_existing

_TEXT_FILES = (".txt", ".md")
_VECTOR_FILES = (".npy", ".npz", ".fvecs", ".fbin", ".hdf5", ".h5")
_BAD_ROWS = ("refuse", "drop")

RowsArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[INPUT]", help=f"Vectors ({READABLE}), or for a text model texts ({READABLE_TEXTS})."),
]
IndexOption = Annotated[Path, typer.Option("--output", "-o", help="The index, such as corpus.db.")]
IndexModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help=f"By default {DEFAULT_MODEL}, and for .txt, .md and folders {DEFAULT_TEXT_MODEL}.",
    ),
]
CodesOption = Annotated[str | None, typer.Option(help=f"Write a kind of code instead: {', '.join(KINDS)}.")]
RowsColumnOption = Annotated[
    str | None, typer.Option(help="Column of the vectors, if INPUT has several, or of the texts; by default text.")
]
IdOption = Annotated[
    str, typer.Option("--id", help="Column that tells rows apart; by default id, or else the rows' numbers from 0 on.")
]
AddOption = Annotated[bool, typer.Option("--add", help="Add the rows to an index, all or none.")]
RemoveOption = Annotated[
    list[str] | None, typer.Option(help="Remove the row of this id from an index; may be given several times.")
]
FlatOption = Annotated[
    bool, typer.Option("--flat", help="Write the index INPUT as a .safetensors file to map into memory.")
]
DropOption = Annotated[
    str,
    typer.Option(
        help="What happens to rows of NaN, infinity or only zeros, and to empty texts: refuse ends the run, drop "
        "leaves them out and lists the rows kept in OUTPUT.kept.npy."
    ),
]


@dataclass(frozen=True, eq=False)
class _Work:
    """Rows to read, and what to do with them."""

    task: Task
    source: Source
    workers: int
    """Threads that each take rows of their own."""
    model: str
    """Name of the model."""


def index(
    path: RowsArgument = None,
    output: IndexOption = Path(),
    model: IndexModelOption = None,
    size: BytesOption = None,
    to: CodesOption = None,
    dim: DimOption = None,
    column: RowsColumnOption = None,
    id_column: IdOption = "",
    add: AddOption = False,
    remove: RemoveOption = None,
    flat: FlatOption = False,
    bad_rows: DropOption = "refuse",
    any_model: AnyModelOption = False,
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
    threads: ThreadsOption = None,
) -> None:
    """Build an index in one file, add to it, or remove from it.

    It keeps a code for each row, of 128 bytes unless --bytes or --to says otherwise, and the other columns of a table,
    or the texts. The file is a SQLite database, which any SQLite tool opens. lg-run search finds what is in it.

    Example: lg-run index vectors.parquet -o corpus.db --bytes 128

    Example: lg-run index more.parquet -o corpus.db --add

    Example: lg-run index -o corpus.db --remove 17 --remove 18

    Example: lg-run index corpus.db --flat -o corpus.safetensors
    """
    _check_options(path, output, add, remove, bad_rows, [size, to, dim, id_column or None])
    if path is None:
        _remove(output, remove or [])
        return
    if flat:
        _flatten(path, output, overwrite)
        return
    if add:
        work = _adding(path, output, model, column, any_model, threads)
    else:
        refuse_existing(output, overwrite)
        loaded = IndexModel(find_model(_named(path, model, by_kind=to is not None or dim is not None)), threads=1)
        work = _building(loaded, loaded.codec(size, to, dim), path, column, any_model, threads)
        work = _stored(work, IndexLayout, output, id_column=id_column)
    with progress("indexing", work.source.rows_known) as advance:
        report = process_file(work.task, work.source, output, advance, work.workers, bad_rows, resume)
    _say_done(work, report, output, add)


def _say_done(work: _Work, report: FileReport, output: Path, add: bool) -> None:
    """Say how many rows an index has got, and how to search it; then print its name."""
    say(f"{_rows(report.rows)}{' added' if add else ''}, {megabytes(report.bytes_after)}, model {work.model}")
    if not add:
        say(f"next: lg-run search --in {output} --like ID, or a text, or --vector FILE")
    show_name(output)


def _check_options(
    path: Path | None, output: Path, add: bool, remove: list[str] | None, bad_rows: str, codes: list[object]
) -> None:
    """Refuse options that contradict each other; `codes` are those that only a new index takes.

    Raises:
        UsageError: they do.
    """
    if output == Path():
        raise UsageError("no index is named; name it with -o, such as -o corpus.db")
    if (path is None) == (not remove) or (remove and add):
        raise UsageError("expected a file of vectors or texts, or ids to --remove, and not both")
    if (add or remove) and any(each is not None for each in codes):
        raise UsageError(f"{output} has its code and its ids already; leave out --bytes, --to, --dim and --id")
    if bad_rows not in _BAD_ROWS:
        raise UsageError(f"--bad-rows is {bad_rows!r}, expected one of {', '.join(_BAD_ROWS)}")


def _named(path: Path, model: str | None, by_kind: bool) -> str:
    """The name or path of the model for a new index, if codes are of a kind or else of any number of bytes."""
    if model is None and (path.is_dir() or path.suffix.lower() in _TEXT_FILES):
        return DEFAULT_TEXT_MODEL
    return (model or DEFAULT_MODEL) if by_kind else model_for_bytes(model or DEFAULT_MODEL)


def _building(
    model: IndexModel,
    codec: Codec | TrellisCodec,
    path: Path,
    column: str | None,
    any_model: bool,
    threads: int | None,
) -> _Work:
    """What makes codes of a file of texts, vectors, or embeddings of the model itself.

    Raises:
        VectorError, TextError: the file holds something else, or embeddings of another model.
    """
    workers, manifest = threads or usable_cores(), model.manifest
    if model.reads_texts and path.suffix.lower() not in _VECTOR_FILES:
        encoder = TextEncoder.load(model.path, threads=threads)
        return _Work(embed_task(encoder, codec), open_texts(path, column or "text"), 1, manifest.name)
    vectors = open_vectors(path, None, column)
    expected = manifest.input_dim if isinstance(manifest, Manifest) else manifest.output_dim
    if isinstance(manifest, Manifest) and (vectors.width != manifest.output_dim or expected == manifest.output_dim):
        check_layout((1, vectors.width), np.dtype(np.float32), expected, vectors.origin)
        compressor = Compressor.load(model.path, threads=1)
        warn_of_other_teacher(compressor, vectors)
        return _Work(compress_task(compressor, codec), vectors, workers, manifest.name)
    check_layout((1, vectors.width), np.dtype(np.float32), manifest.output_dim, vectors.origin)
    if not any_model:
        check_made_by(vectors, manifest)
    return _Work(encode_task(manifest, codec), vectors, workers, manifest.name)


def _adding(
    path: Path, output: Path, model: str | None, column: str | None, any_model: bool, threads: int | None
) -> _Work:
    """What makes codes of a file and adds them to an index.

    Raises:
        IndexFileError: another model made the index.
    """
    container = Container.open(output)
    try:
        loaded, end = IndexModel.of(container, model, 1), container.next_row()
        work = _building(loaded, loaded.codec_of(container.about), path, column, any_model, threads)
    finally:
        container.close()
    # Once its rows are in the index, an interrupted run cannot be resumed and add them again.
    task = replace(work.task, identity={**work.task.identity, "rows of the index": end})
    return _stored(replace(work, task=task), AddedLayout, output)


def _stored(work: _Work, layout: type[IndexLayout], output: Path, id_column: str = "") -> _Work:
    """Work whose results go into an index."""
    task = work.task
    made = layout(".db", task.columns, task.dtype, task.maker, id_column, output)
    return replace(work, task=replace(task, layout=made, identity={**task.identity, "id": id_column}))


def _remove(output: Path, ids: list[str]) -> None:
    """Remove the rows of some ids from an index."""
    container = Container.open(output)
    try:
        container.remove(ids)
    finally:
        container.close()
    say(f"{_rows(len(set(ids)))} removed")
    show_name(output)


def _flatten(path: Path, output: Path, overwrite: bool) -> None:
    """Write an index as a file to map into memory."""
    container = Container.open(path)
    try:
        refuse_existing(output, overwrite)
        rows = write_flat(container, output)
    finally:
        container.close()
    say(f"{_rows(rows)}, {megabytes(output.stat().st_size)}")
    show_name(output)


def _rows(count: int) -> str:
    """A number of rows, in words."""
    return f"{count} row{'' if count == 1 else 's'}"
