"""lg-run report: a page for a person who must decide how far to compress."""

from pathlib import Path
from typing import Annotated

import typer

from linguagen.models.catalogue import DEFAULT_MODEL, shipped_models
from linguagen.models.model_file import load_manifest
from linguagen.runtime.commands.files import warn_of_other_teacher
from linguagen.runtime.commands.options import ColumnOption, DeviceOption, ModelOption, OverwriteOption, ThreadsOption
from linguagen.runtime.console import printable, progress, say, show
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.encoders.text_sources import open_texts
from linguagen.runtime.reading.origins import read_origins
from linguagen.runtime.reading.picking import read_rows
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.writing.whole_file import refuse_existing, replace_file


def report(
    path: Annotated[Path, typer.Argument(metavar="INPUT", help="A file of vectors.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("report.html"),
    model: ModelOption = DEFAULT_MODEL,
    column: ColumnOption = None,
    text: Annotated[
        str | None, typer.Option(help="A file with a text for each row, or the column of the input that holds them.")
    ] = None,
    keep: Annotated[float, typer.Option(help="The recall@10 to keep, by which a budget is recommended.")] = 0.9,
    limit: Annotated[
        int, typer.Option("--rows", min=50, help="Rows to measure on, at most; drawn at random with a fixed seed.")
    ] = 5000,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Write a page on what compression keeps of your vectors.

    It compares 32 to 1,024 bytes per vector with truncation, PCA and binary codes, shows the neighbours of ten rows
    before and after, and recommends a command. The page is one file that needs no network.

    Example: lg-run report articles.parquet --text title -o report.html
    """
    from linguagen.runtime.report.contents import STEPS, measure
    from linguagen.runtime.report.page import command, render
    from linguagen.runtime.report.plots import import_pyplot

    import_pyplot()
    refuse_existing(output, overwrite)
    compressors = {name: Compressor.load(name, device=device, threads=threads) for name in _of_one_teacher(model)}
    compressor = compressors[model]
    vectors = open_vectors(path, compressor.manifest.input_dim, column)
    warn_of_other_teacher(compressor, vectors)
    texts = None
    if text is not None:
        texts = open_texts(text) if Path(text).is_file() else open_texts(path, text)
    rows = read_rows(vectors, limit)
    total = len(rows.numbers) if vectors.rows_known is None else vectors.rows_known
    origins = read_origins(path, vectors.rows_known)
    kept = None if origins is None else origins[rows.numbers]
    with progress("measuring", STEPS) as advance:
        contents = measure(compressors, path, total, rows, keep, kept, texts, advance)
    page = render(contents).encode("utf-8")
    replace_file(output, lambda file: file.write(page))
    say(f"{contents.chosen.budget} bytes keep {contents.chosen.recall:.3f} of the neighbours")
    say(f"next: {command(contents)}")
    show(printable(str(output)))


def _of_one_teacher(model: str) -> list[str]:
    """A model and, if it is a shipped one, the other shipped ones of its teacher: they may spend bytes better."""
    shipped = shipped_models()
    if model not in shipped:
        return [model]
    teacher = load_manifest(model).teacher
    return [model, *(name for name in shipped if name != model and load_manifest(name).teacher == teacher)]
