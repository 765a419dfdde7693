"""lg-run: the commands on text (embed, search, evaluate-text)."""

import json
from pathlib import Path
from typing import Annotated

import typer

from linguagen.models.catalogue import DEFAULT_TEXT_MODEL
from linguagen.models.errors import TextError, UsageError
from linguagen.runtime.commands.app import DeviceOption, JsonOption, ThreadsOption, app
from linguagen.runtime.console import format_table, print_json, progress, say
from linguagen.runtime.encoders.text_encoder import CHUNK_TEXTS, TextEncoder
from linguagen.runtime.index.search import Hits, nearest_rows
from linguagen.runtime.measure.scores import cosines, spearman
from linguagen.runtime.reading.sources import READABLE, open_vectors
from linguagen.runtime.text.lines import line_blocks, numbered_lines, read_scored
from linguagen.runtime.writing.npy import NpyWriter

_SHOWN_CHARACTERS = 100

TextModelOption = Annotated[
    str, typer.Option("--model", "-m", help="A text model's name (lg-run models) or a file that lg-export wrote.")
]


@app.command()
def embed(
    text: Annotated[str, typer.Argument(metavar="TEXT|FILE", help="A text, or a file with a text a line.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where embeddings go (.npy); by default lines.txt becomes lines.npy."),
    ] = None,
    model: TextModelOption = DEFAULT_TEXT_MODEL,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")] = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Turn text into vectors, offline: one text to JSON on standard output, a file of lines to a .npy file.

    Files are read in blocks and the output appears only when it is whole, so files of any size work.

    Example: lg-run embed "a man is playing a guitar"

    Example: lg-run embed lines.txt -o vectors.npy
    """
    encoder = TextEncoder.load(model, device=device, threads=threads)
    if not Path(text).is_file():
        if output is not None:
            raise UsageError(
                f"-o {output} is for files, and there is no file {text[:80]!r}; check its name, or leave -o out"
            )
        typer.echo(json.dumps([round(float(number), 7) for number in encoder.embed(text)[0]]))
        return
    source = Path(text)
    target = output or source.with_name(f"{source.name.split('.')[0]}.npy")
    if target.suffix != ".npy":
        raise UsageError(f"cannot write {target}: expected a name ending in .npy")
    if target.exists() and not overwrite:
        raise UsageError(f"{target} exists; choose another name with -o, or pass --overwrite")
    lines = sum(1 for _ in numbered_lines(source))
    if not lines:
        raise TextError(f"{source} is empty, expected a text a line")
    with progress("embedding", lines) as advance, NpyWriter(target, lines, encoder.manifest.output_dim) as writer:
        for first, block in line_blocks(source, CHUNK_TEXTS):
            writer.write(encoder.embed(block, first))
            advance(len(block))
    say(f"{lines} lines, {encoder.manifest.output_dim} dimensions each")
    typer.echo(target)


@app.command()
def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to look for.")],
    source: Annotated[Path, typer.Option("--in", help=f"A file of vectors ({READABLE}), as lg-run embed writes it.")],
    text: Annotated[Path | None, typer.Option(help="The file of lines that the vectors were made from.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many to show.")] = 10,
    model: TextModelOption = DEFAULT_TEXT_MODEL,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the lines that are nearest to a query, by exact search over their vectors.

    Vectors compressed from an API work too, with a text model that was trained to embed queries for them.

    Example: lg-run search "playing music" --in vectors.npy --text lines.txt
    """
    encoder = TextEncoder.load(model, device=device, threads=threads)
    hits = nearest_rows(encoder.embed(query)[0], open_vectors(source, encoder.manifest.output_dim, None), k)
    lines = _lines_of(text, hits, source) if text else [""] * len(hits.rows)
    found = list(zip(hits.rows.tolist(), hits.cosines.tolist(), lines, strict=True))
    if as_json:
        print_json([{"line": row + 1, "cosine": cosine, "text": line} for row, cosine, line in found])
        return
    # The text stands last and is cut, so that figures line up and a line stays a line.
    body = [[str(row + 1), f"{cosine:.3f}"] for row, cosine, _ in found]
    table = format_table(["line", "cosine"], body).splitlines()
    shown = ["text", "----", *(line[:_SHOWN_CHARACTERS] for line in lines)] if text else [""] * len(table)
    typer.echo("\n".join(f"{figures}  {line}".rstrip() for figures, line in zip(table, shown, strict=True)))


def _lines_of(text: Path, hits: Hits, source: Path) -> list[str]:
    """The lines of the hits, in their order; the whole file is counted."""
    wanted, found, count = set(hits.rows.tolist()), {}, 0
    for number, line in numbered_lines(text):
        count = number
        if number - 1 in wanted:
            found[number - 1] = line
    if count != hits.searched:
        raise TextError(
            f"{source} has {hits.searched} vectors, {text} has {count} lines; embed them again: lg-run embed {text}"
        )
    return [found[row] for row in hits.rows.tolist()]


@app.command("evaluate-text")
def evaluate_text(
    pairs: Annotated[list[Path], typer.Argument(metavar="PAIRS...", help="CSV files of text, text, score.")],
    model: TextModelOption = DEFAULT_TEXT_MODEL,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print how well cosines follow scores that people gave to pairs of texts: Spearman's rank correlation.

    The whole comparison with other encoders is in docs/results.md.

    Example: lg-run evaluate-text stsb-test.csv
    """
    encoder = TextEncoder.load(model, device=device, threads=threads)
    figures = [_correlation(encoder, path) for path in pairs]
    if as_json:
        print_json([{"file": path, "pairs": count, "spearman": rho} for path, count, rho in figures])
        return
    body = [[path, str(count), f"{rho:.3f}"] for path, count, rho in figures]
    typer.echo(format_table(["file", "pairs", "Spearman"], body))


def _correlation(encoder: TextEncoder, path: Path) -> tuple[str, int, float]:
    first, second, scores = read_scored(path)
    return str(path), len(scores), spearman(cosines(encoder.embed(first), encoder.embed(second)), scores)
