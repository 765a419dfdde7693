"""lg-run embed, search and evaluate-text: the commands on text."""

import json
from pathlib import Path
from typing import Annotated

import typer

from linguagen.models.catalogue import DEFAULT_TEXT_MODEL
from linguagen.models.errors import TextError, UsageError
from linguagen.runtime.commands.options import (
    DeviceOption,
    JsonOption,
    OverwriteOption,
    ResumeOption,
    TextModelOption,
    ThreadsOption,
)
from linguagen.runtime.console import format_table, print_json, printable, progress, say, show
from linguagen.runtime.encoders.tasks import embed_task
from linguagen.runtime.encoders.text_encoder import TextEncoder
from linguagen.runtime.encoders.text_sources import READABLE_TEXTS, TextSource, TextTable, open_texts
from linguagen.runtime.index.search import Hits, nearest_rows
from linguagen.runtime.measure.scores import cosines, spearman
from linguagen.runtime.reading.sources import READABLE, STDIN, open_vectors
from linguagen.runtime.text.lines import numbered_lines, read_scored
from linguagen.runtime.writing.layouts import WRITABLE
from linguagen.runtime.writing.process import process_file
from linguagen.runtime.writing.whole_file import refuse_existing

_SHOWN_CHARACTERS = 100


def embed(
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="[INPUTS]...", help=f"Folders, files ({READABLE_TEXTS}), or -.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="A text itself; its embedding is printed as JSON.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help=f"File for the embeddings: {WRITABLE}; by default lines.npy."),
    ] = None,
    model: TextModelOption = DEFAULT_TEXT_MODEL,
    column: Annotated[str, typer.Option(help="Column that holds the texts of records and tables.")] = "text",
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Embed every text of files, on this machine.

    Files are read in blocks, so they may have any size, and an output appears only when it is whole. From a table to a
    table, the other columns are copied. A folder's .txt and .md files are a text each, in the order of their names.

    Example: lg-run embed lines.txt -o vectors.npy

    Example: lg-run embed --text "a man is playing a guitar"
    """
    paths = inputs or []
    if (text is None) == (not paths):
        raise UsageError('expected files of texts, or --text "a text", and not both')
    if output is not None and len(paths) != 1:
        raise UsageError(f"-o {output} is for one input, and {len(paths)} are given; leave -o out")
    encoder = TextEncoder.load(model, device=device, threads=threads)
    if text is not None:
        show(json.dumps([round(float(number), 7) for number in encoder.embed(text)[0]]))
    for path in paths:
        _embed_file(encoder, open_texts(path, column), output, overwrite, resume)


def _embed_file(
    encoder: TextEncoder, texts: TextSource | TextTable, output: Path | None, overwrite: bool, resume: bool
) -> None:
    """Embed the texts of a file, by default to NAME.npy next to it, or of a table to NAME.256.parquet."""
    target = output or _default_output(texts, encoder.manifest.output_dim)
    refuse_existing(target, overwrite)
    with progress("embedding", texts.rows_known) as advance:
        report = process_file(embed_task(encoder), texts, target, advance, resume=resume)
    say(f"{report.rows} texts, {encoder.manifest.output_dim} dimensions each")
    if texts.path.suffix == ".txt":
        say(f"next: lg-run search QUERY --in {target} --text {texts.path}")
    show(printable(str(target)))


def _default_output(texts: TextSource | TextTable, dim: int) -> Path:
    """The output if none is named.

    Raises:
        UsageError: the texts come from standard input, which has no name.
    """
    path = texts.path
    if str(path) == STDIN:
        raise UsageError("standard input has no name to call the output after; name it with -o")
    if isinstance(texts, TextTable):
        return path.with_name(f"{path.stem}.{dim}{path.suffix}")
    return path.with_name(f"{path.name.split('.')[0]}.npy")


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to look for.")],
    path: Annotated[Path, typer.Option("--in", help=f"A file of vectors ({READABLE}), such as lg-run embed writes.")],
    text: Annotated[Path | None, typer.Option(help="The file of lines from which the vectors were made.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many lines to show.")] = 10,
    model: TextModelOption = DEFAULT_TEXT_MODEL,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the lines nearest to a query.

    The search is exact: it compares the query with every vector. Vectors compressed from an API work too, with a text
    model that was trained to embed queries for them.

    Example: lg-run search "playing music" --in vectors.npy --text lines.txt
    """
    encoder = TextEncoder.load(model, device=device, threads=threads)
    hits = nearest_rows(encoder.embed(query)[0], open_vectors(path, encoder.manifest.output_dim, None), k)
    lines = _lines_of(text, hits, path) if text else [""] * len(hits.rows)
    found = list(zip(hits.rows.tolist(), hits.cosines.tolist(), lines, strict=True))
    if as_json:
        print_json([{"line": row + 1, "cosine": cosine, "text": line} for row, cosine, line in found])
        return
    # The text comes last and is shortened, so that figures are aligned and every hit takes one line.
    body = [[str(row + 1), f"{cosine:.3f}"] for row, cosine, _ in found]
    table = format_table(["line", "cosine"], body).splitlines()
    shown = ["text", "----", *(printable(line[:_SHOWN_CHARACTERS]) for line in lines)] if text else [""] * len(table)
    show("\n".join(f"{figures}  {line}".rstrip() for figures, line in zip(table, shown, strict=True)))


def _lines_of(text: Path, hits: Hits, vectors: Path) -> list[str]:
    """The lines of the hits, in their order.

    Raises:
        TextError: the file has another number of lines than there are vectors.
    """
    expected, found, count = set(hits.rows.tolist()), {}, 0
    for number, line in numbered_lines(text):
        count = number
        if number - 1 in expected:
            found[number - 1] = line
    if count != hits.searched:
        raise TextError(
            f"{vectors} has {hits.searched} vectors, {text} has {count} lines; embed them again: lg-run embed {text}"
        )
    return [found[row] for row in hits.rows.tolist()]


def evaluate_text(
    pairs: Annotated[list[Path], typer.Argument(metavar="PAIRS...", help="CSV files with rows of text, text, score.")],
    model: TextModelOption = DEFAULT_TEXT_MODEL,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare cosines with people's scores.

    Prints Spearman's rank correlation of the cosines of pairs of texts with the scores that people gave them.

    The whole comparison with other encoders is in docs/results/text.md.

    Example: lg-run evaluate-text stsb-test.csv
    """
    encoder = TextEncoder.load(model, device=device, threads=threads)
    figures = [_correlation(encoder, path) for path in pairs]
    if as_json:
        print_json([{"file": path, "pairs": count, "spearman": rho} for path, count, rho in figures])
        return
    body = [[path, str(count), f"{rho:.3f}"] for path, count, rho in figures]
    show(format_table(["file", "pairs", "Spearman"], body))


def _correlation(encoder: TextEncoder, path: Path) -> tuple[str, int, float]:
    """A file's name, its number of pairs, and Spearman's correlation of cosines with its scores."""
    first, second, scores = read_scored(path)
    return str(path), len(scores), spearman(cosines(encoder.embed(first), encoder.embed(second)), scores)
