"""lg-run search: the rows of a file of vectors, or of an index, that are nearest to a query."""

from pathlib import Path
from typing import Annotated, Any

import typer

from linguagen.models.catalogue import DEFAULT_MODEL, DEFAULT_TEXT_MODEL
from linguagen.models.errors import TextError, UsageError, VectorError
from linguagen.models.model_file import load_manifest
from linguagen.runtime.codes.codec import KINDS, Codec
from linguagen.runtime.commands.options import AnyModelOption, DeviceOption, JsonOption, ThreadsOption
from linguagen.runtime.console import format_table, print_json, printable, show
from linguagen.runtime.encoders.text_encoder import TextEncoder
from linguagen.runtime.index.database import is_database
from linguagen.runtime.index.flat import FLAT
from linguagen.runtime.index.index import Hit, Index
from linguagen.runtime.index.search import Hits, nearest_codes, nearest_rows
from linguagen.runtime.measure.made_by import check_made_by
from linguagen.runtime.reading.sources import READABLE, Source, open_vectors
from linguagen.runtime.text.lines import numbered_lines

_SHOWN_CHARACTERS = 100


QueryArgument = Annotated[str | None, typer.Argument(metavar="[QUERY]", help="A text to look for.")]
InOption = Annotated[
    Path,
    typer.Option("--in", help=f"An index of lg-run index, or a file ({READABLE}) of lg-run embed or lg-run compress."),
]
VectorOption = Annotated[
    Path | None, typer.Option(help="Search an index for the one vector in this file, or - for standard input.")
]
LikeOption = Annotated[str | None, typer.Option(help="Search an index for what is like its row of this id.")]
WhereOption = Annotated[
    str | None, typer.Option(help="Look only at rows of an index for which this condition in SQL is true.")
]
LinesOption = Annotated[Path | None, typer.Option(help="The file of lines from which a file of vectors was made.")]
QueryModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help=f"The text model that embeds QUERY; by default {DEFAULT_TEXT_MODEL}, or the model that made the index.",
    ),
]
FromOption = Annotated[str, typer.Option("--from", help=f"How lg-run compress --to wrote a file: {', '.join(KINDS)}.")]
MadeByOption = Annotated[
    str | None,
    typer.Option(
        "--compressed-by",
        help=f"The model that made codes; by default {DEFAULT_MODEL}, or the one an index names.",
    ),
]


def search(
    query: QueryArgument = None,
    path: InOption = Path(),
    vector: VectorOption = None,
    like: LikeOption = None,
    where: WhereOption = None,
    text: LinesOption = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many rows to show.")] = 10,
    model: QueryModelOption = None,
    kind: FromOption = "float32",
    compressed_by: MadeByOption = None,
    device: DeviceOption = "auto",
    any_model: AnyModelOption = False,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what is nearest to a query.

    The search is exact: it compares the query with every row. An index is searched by a text, a vector or the id of
    one of its rows; a file of vectors by a text. Vectors compressed from an API can be searched by texts too, with a
    text model that was trained for them. What another model made is refused.

    Example: lg-run search "playing music" --in notes.db

    Example: lg-run search --like 17 --in corpus.db --where "year > 2020"

    Example: lg-run search "playing music" --in vectors.npy --text lines.txt
    """
    if is_database(path) or path.suffix == FLAT:
        with Index.open(path, model=compressed_by, text_model=model, threads=threads) as index:
            hits = _search_index(index, query, vector, like, k, where)
            _show_index(index, hits, as_json)
        return
    if query is None or vector or like or where:
        raise UsageError(f"--in {path} is no index, so expected a QUERY, and no --vector, --like or --where")
    encoder = TextEncoder.load(model or DEFAULT_TEXT_MODEL, device=device, threads=threads)
    found = _search_file(encoder, query, path, k, kind, compressed_by or DEFAULT_MODEL, any_model, threads)
    _show_file(found, _lines_of(text, found, path) if text else None, as_json)


def _search_index(
    index: Index, query: str | None, vector: Path | None, like: str | None, k: int, where: str | None
) -> list[Hit]:
    """Search an index by the one kind of query that is given.

    Raises:
        UsageError: none is given, or several.
        VectorError: the file of the vector does not hold exactly one.
    """
    if [query, vector, like].count(None) != 2:
        raise UsageError("expected a QUERY, --vector or --like, and one of them only")
    if like is not None:
        return index.like(like, k, where=where)
    return index.search(query if vector is None else _only_row(open_vectors(vector)), k, where=where)


def _only_row(source: Source) -> Any:
    """The vector (width,) of a file that holds one.

    Raises:
        VectorError: it holds several.
    """
    rows = next(source.chunks(2))[1]
    if len(rows) != 1:
        raise VectorError(f"{source.origin}: holds more than one vector; give one to search for")
    return rows[0]


def _search_file(
    encoder: TextEncoder, query: str, path: Path, k: int, kind: str, made_by: str, any_model: bool, threads: int | None
) -> Hits:
    """Search a file of vectors or codes.

    Args:
        encoder: embeds the query.
        query: a text.
        path: the file.
        k: how many rows to find.
        kind: what the file holds, one of KINDS.
        made_by: name or path of the model that made codes.
        any_model: do not refuse what another model made.
        threads: CPU threads.
    """
    embedding = encoder.embed(query)[0]
    if kind.startswith("float"):
        vectors = open_vectors(path, encoder.manifest.output_dim, None)
        if not any_model:
            check_made_by(vectors, encoder.manifest)
        return nearest_rows(embedding, vectors, k)
    codec, codes = _open_codes(path, kind, made_by, len(embedding))
    if not any_model:
        check_made_by(codes, load_manifest(made_by), kind)
    return nearest_codes(embedding, codes, codec, k, threads)


def _show_index(index: Index, hits: list[Hit], as_json: bool) -> None:
    """Print the rows of an index that were found; for people, ids, cosines and texts."""
    if as_json:
        print_json([{"id": hit.id, "cosine": hit.cosine, "columns": hit.columns} for hit in hits])
        return
    column = index.about.text_column
    texts = [str(hit.columns[column]) for hit in hits] if column else None
    show(_hit_table("id", [(str(hit.id), hit.cosine) for hit in hits], texts))


def _show_file(hits: Hits, lines: list[str] | None, as_json: bool) -> None:
    """Print the rows of a file that were found, and their lines if there are some; rows are counted from 1."""
    found = [(row + 1, cosine) for row, cosine in zip(hits.rows.tolist(), hits.cosines.tolist(), strict=True)]
    if as_json:
        texts = lines or [""] * len(found)
        rows = zip(found, texts, strict=True)
        print_json([{"line": number, "cosine": cosine, "text": text} for (number, cosine), text in rows])
        return
    show(_hit_table("line", [(str(number), cosine) for number, cosine in found], lines))


def _hit_table(name: str, found: list[tuple[str, float]], texts: list[str] | None) -> str:
    """Rows, cosines and texts as a table.

    The text comes last and is shortened, so that figures are aligned and every hit takes one line.

    Args:
        name: heading of the rows.
        found: rows and their cosines.
        texts: of the rows; None for no column of texts.
    """
    table = format_table([name, "cosine"], [[row, f"{cosine:.3f}"] for row, cosine in found]).splitlines()
    shown = [""] * len(table)
    if texts is not None:
        shown = ["text", "----", *(printable(text[:_SHOWN_CHARACTERS]) for text in texts)]
    return "\n".join(f"{figures}  {text}".rstrip() for figures, text in zip(table, shown, strict=True))


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
