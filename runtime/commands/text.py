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
    TextModelOption,
    ThreadsOption,
)
from linguagen.runtime.console import format_table, print_json, printable, progress, say, show
from linguagen.runtime.encoders.text_encoder import CHUNK_TEXTS, TextEncoder
from linguagen.runtime.index.search import Hits, nearest_rows
from linguagen.runtime.measure.scores import cosines, spearman
from linguagen.runtime.reading.sources import READABLE, open_vectors
from linguagen.runtime.text.lines import line_blocks, numbered_lines, read_scored
from linguagen.runtime.writing.npy import NpyWriter
from linguagen.runtime.writing.whole_file import refuse_existing

_SHOWN_CHARACTERS = 100


def embed(
    text: Annotated[str, typer.Argument(metavar="TEXT|FILE", help="A text, or a file with one text per line.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File for the embeddings (.npy); by default lines.txt becomes lines.npy."),
    ] = None,
    model: TextModelOption = DEFAULT_TEXT_MODEL,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Embed a text, or every line of a file.

    A text becomes JSON on standard output, a file of lines a .npy file; nothing leaves this machine. The file is read
    in blocks, so it may have any size, and the output appears only when it is whole.

    Example: lg-run embed "a man is playing a guitar"

    Example: lg-run embed lines.txt -o vectors.npy
    """
    encoder = TextEncoder.load(model, device=device, threads=threads)
    if Path(text).is_file():
        _embed_file(encoder, Path(text), output, overwrite)
    elif output is not None:
        raise UsageError(
            f"-o {output} is for files, and there is no file {text[:80]!r}; check its name, or leave -o out"
        )
    else:
        show(json.dumps([round(float(number), 7) for number in encoder.embed(text)[0]]))


def _embed_file(encoder: TextEncoder, path: Path, output: Path | None, overwrite: bool) -> None:
    """Embed the lines of a file, by default to NAME.npy next to it."""
    target = output or path.with_name(f"{path.name.split('.')[0]}.npy")
    if target.suffix != ".npy":
        raise UsageError(f"cannot write {target}: expected a name ending in .npy")
    refuse_existing(target, overwrite)
    lines = sum(1 for _ in numbered_lines(path))
    if not lines:
        raise TextError(f"{path} is empty, expected one text per line")
    with progress("embedding", lines) as advance, NpyWriter(target, lines, encoder.manifest.output_dim) as writer:
        for first, block in line_blocks(path, CHUNK_TEXTS):
            writer.write(encoder.embed(block, first))
            advance(len(block))
    say(f"{lines} lines, {encoder.manifest.output_dim} dimensions each")
    say(f"next: lg-run search QUERY --in {target} --text {path}")
    show(printable(str(target)))


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
