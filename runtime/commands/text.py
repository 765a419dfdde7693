"""lg-run search and evaluate-text: compare texts with a file of embeddings, and with each other."""

from pathlib import Path
from typing import Annotated

import typer

from linguagen.models.catalogue import DEFAULT_MODEL, DEFAULT_TEXT_MODEL
from linguagen.models.errors import TextError, UsageError
from linguagen.models.model_file import load_manifest
from linguagen.runtime.codes.codec import KINDS, Codec
from linguagen.runtime.commands.options import (
    AnyModelOption,
    DeviceOption,
    JsonOption,
    TextModelOption,
    ThreadsOption,
)
from linguagen.runtime.console import format_table, print_json, printable, show
from linguagen.runtime.encoders.text_encoder import TextEncoder
from linguagen.runtime.index.search import Hits, nearest_codes, nearest_rows
from linguagen.runtime.measure.made_by import check_made_by
from linguagen.runtime.measure.scores import cosines, spearman
from linguagen.runtime.reading.sources import READABLE, Source, open_vectors
from linguagen.runtime.text.lines import numbered_lines, read_scored

_SHOWN_CHARACTERS = 100


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to look for.")],
    path: Annotated[
        Path, typer.Option("--in", help=f"A file of vectors ({READABLE}) that lg-run embed or lg-run compress wrote.")
    ],
    text: Annotated[Path | None, typer.Option(help="The file of lines from which the vectors were made.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many lines to show.")] = 10,
    model: TextModelOption = DEFAULT_TEXT_MODEL,
    kind: Annotated[
        str, typer.Option("--from", help=f"How lg-run compress --to wrote the file: {', '.join(KINDS)}.")
    ] = "float32",
    compressed_by: Annotated[
        str, typer.Option(help="The model that compressed the vectors; codes can only be read with its statistics.")
    ] = DEFAULT_MODEL,
    device: DeviceOption = "auto",
    any_model: AnyModelOption = False,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the lines nearest to a query.

    The search is exact: it compares the query with every vector. Vectors compressed from an API work too, with a text
    model that was trained to embed queries for them; if they were written as codes, with --from. Vectors that another
    model made are refused.

    Example: lg-run search "playing music" --in vectors.npy --text lines.txt

    Example: lg-run search "playing music" --in small.npy --from int8 --model queries.onnx
    """
    encoder = TextEncoder.load(model, device=device, threads=threads)
    embedding = encoder.embed(query)[0]
    if kind.startswith("float"):
        vectors = open_vectors(path, encoder.manifest.output_dim, None)
        if not any_model:
            check_made_by(vectors, encoder.manifest)
        hits = nearest_rows(embedding, vectors, k)
    else:
        codec, codes = _open_codes(path, kind, compressed_by, len(embedding))
        if not any_model:
            check_made_by(codes, load_manifest(compressed_by), kind)
        hits = nearest_codes(embedding, codes, codec, k, threads)
    lines = _lines_of(text, hits, path) if text else [""] * len(hits.rows)
    found = list(zip(hits.rows.tolist(), hits.cosines.tolist(), lines, strict=True))
    if as_json:
        print_json([{"line": row + 1, "cosine": cosine, "text": line} for row, cosine, line in found])
        return
    show(_hit_table(found, with_text=text is not None))


def _hit_table(found: list[tuple[int, float, str]], with_text: bool) -> str:
    """Rows, cosines and texts as a table.

    The text comes last and is shortened, so that figures are aligned and every hit takes one line.
    """
    body = [[str(row + 1), f"{cosine:.3f}"] for row, cosine, _ in found]
    table = format_table(["line", "cosine"], body).splitlines()
    texts = [printable(line[:_SHOWN_CHARACTERS]) for _, _, line in found]
    shown = ["text", "----", *texts] if with_text else [""] * len(table)
    return "\n".join(f"{figures}  {line}".rstrip() for figures, line in zip(table, shown, strict=True))


def _open_codes(path: Path, kind: str, model: str, width: int) -> tuple[Codec, Source]:
    """The codec that wrote a file of codes, whose dimensions follow from the file, and the opened file.

    Args:
        path: the file.
        kind: how the codes were written.
        model: name or path of the vector model that compressed what they hold.
        width: numbers in the embedding of a query, which must be those of the model.

    Raises:
        UsageError: the kind is unknown, or the query and the codes come from models of different widths.
        VectorError: the file holds something else.
    """
    manifest = load_manifest(model)
    whole = Codec.make(kind, manifest.output_dim, manifest.embedding_moments)
    if manifest.output_dim != width:
        raise UsageError(
            f"the query has {width} dimensions and {manifest.name} has {manifest.output_dim}; name the model that "
            f"compressed {path} with --compressed-by, and a text model trained for it with --model"
        )
    codes = open_vectors(path, None, None, (whole.dtype.name,))
    dim = codes.width * whole.dim // whole.columns
    return Codec.make(kind, dim, manifest.embedding_moments), codes


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
