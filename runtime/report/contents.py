"""What the report shows, measured: budgets, neighbours of ten examples, cosines and origins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import TextError
from linguagen.runtime.codes.codec import truncate
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.encoders.text_sources import TextSource, TextTable
from linguagen.runtime.measure.budgets import MODEL, Drawn, Kept, deal, measure_budgets, recommended
from linguagen.runtime.reading.picking import EvaluationRows
from linguagen.runtime.vectors import CHUNK_ROWS, Array, Indices

Origins = npt.NDArray[np.integer]

EXAMPLES, NEIGHBOURS, PAIRS = 10, 5, 4000
STEPS = 7
"""Steps that `measure` takes, for a progress bar."""


@dataclass(frozen=True)
class Example:
    """A query, and its nearest rows before and after compression."""

    query: int
    """Its row in the file."""
    before: tuple[tuple[int, float], ...]
    """Rows and cosines, nearest first."""
    after: tuple[tuple[int, float], ...]


@dataclass(frozen=True, eq=False)
class Contents:
    """All that the page shows."""

    path: Path
    rows: int
    """In the file."""
    measured: int
    """Of these, the rows that figures are measured on."""
    width: int
    models: list[str]
    """Names or files of the models that were measured."""
    kept: list[Kept]
    chosen: Kept
    """What is recommended."""
    target: float
    """The recall that was asked for."""
    examples: list[Example]
    texts: Mapping[int, str]
    """The texts of the rows of the examples; empty without texts."""
    cosines: tuple[Array, Array]
    """Of random pairs (PAIRS,), before and after."""
    origins: list[tuple[int, int, float]]
    """Every origin, its queries and their recall; empty if origins are not known."""


def measure(
    compressors: Mapping[str, Compressor],
    path: Path,
    total: int,
    rows: EvaluationRows,
    target: float,
    origins: Origins | None,
    texts: TextSource | TextTable | None,
    advance: Callable[[int], None],
) -> Contents:
    """Measure what the page shows.

    Args:
        compressors: models of one teacher by their names or files, as they were asked for.
        path: the file of vectors.
        total: rows in it.
        rows: those to measure on.
        target: the recall to keep.
        origins: of the rows that are measured on, (rows,); None if they are not known.
        texts: one for each row of the file; None if there are none.
        advance: called with 1 after each of STEPS steps.

    Raises:
        VectorError: there are too few rows.
        UsageError: the recall is not between 0 and 1.
        TextError: there are fewer texts than rows.
    """
    drawn = deal(rows.vectors)
    kept = measure_budgets(compressors, drawn, advance)
    chosen = recommended(kept, target)
    coded = _coded(compressors[chosen.model], chosen, drawn)
    examples = _examples(drawn, coded, rows.numbers)
    shown = {row for each in examples for row in (each.query, *(row for row, _ in (*each.before, *each.after)))}
    found = texts_of(texts, shown) if texts else {}
    advance(1)
    cosines = _pair_cosines(drawn, coded)
    by_origin = [] if origins is None else _by_origin(chosen, origins[drawn.query_rows])
    measured, width = len(rows.numbers), drawn.queries.shape[1]
    return Contents(
        path, total, measured, width, list(compressors), kept, chosen, target, examples, found, cosines, by_origin
    )


def _coded(compressor: Compressor, chosen: Kept, drawn: Drawn) -> tuple[Array, Array]:
    """Queries (rows, dim) as embeddings, and documents (others, dim) as what the chosen codes stand for."""
    assert chosen.codec is not None
    queries = truncate(compressor.compress(drawn.queries), chosen.codec.dim)
    return queries, chosen.codec.decode(chosen.codec.encode(compressor.compress(drawn.documents)))


def _examples(drawn: Drawn, coded: tuple[Array, Array], numbers: Indices) -> list[Example]:
    """The neighbours of queries spread over all of them.

    Args:
        drawn: queries and documents.
        coded: both after compression.
        numbers: rows in the file of the rows drawn, (rows,).
    """
    places = np.linspace(0, len(drawn.queries) - 1, EXAMPLES).astype(int)
    rows = numbers[drawn.document_rows]
    found = []
    for place in places:
        lists = []
        for queries, documents in ((drawn.queries, drawn.documents), coded):
            cosines = documents @ queries[place]  # (others,)
            best = np.argsort(-cosines, kind="stable")[:NEIGHBOURS]
            lists.append(tuple((int(rows[each]), float(cosines[each])) for each in best))
        found.append(Example(int(numbers[drawn.query_rows[place]]), lists[0], lists[1]))
    return found


def _pair_cosines(drawn: Drawn, coded: tuple[Array, Array]) -> tuple[Array, Array]:
    """Cosines (PAIRS,) of pairs of a query and a document before and after: half at random, half near neighbours."""
    generator = np.random.default_rng(0)
    queries = generator.integers(len(drawn.queries), size=PAIRS)
    documents = generator.integers(len(drawn.documents), size=PAIRS)
    near = queries[: PAIRS // 2]
    for first in range(0, len(near), CHUNK_ROWS):
        some = near[first : first + CHUNK_ROWS]
        cosines = drawn.queries[some] @ drawn.documents.T  # (some, others)
        best = np.argpartition(-cosines, 10, axis=1)[:, :10]
        documents[first : first + len(some)] = best[np.arange(len(some)), generator.integers(10, size=len(some))]
    before, after = (
        np.einsum("ij,ij->i", left[queries], right[documents])
        for left, right in ((drawn.queries, drawn.documents), coded)
    )
    return before, after


def _by_origin(chosen: Kept, origins: Origins) -> list[tuple[int, int, float]]:
    """Every origin of queries (rows,) with their number and recall, the least kept first."""
    found = []
    for origin in np.unique(origins):
        mine = chosen.recall_per_query[origins == origin]
        found.append((int(origin), len(mine), float(mine.mean())))
    return sorted(found, key=lambda each: each[2])


def texts_of(source: TextSource | TextTable, rows: set[int]) -> dict[int, str]:
    """The texts of some rows.

    Raises:
        TextError: the source has fewer texts.
    """
    found, count = {}, 0
    for block in source.blocks():
        for number in sorted(row for row in rows if count <= row < count + len(block)):
            found[number] = str(block[number - count, 0])
        count += len(block)
    if len(found) < len(rows):
        raise TextError(f"{source.path}: {count} texts, but the vectors have a row {max(rows)}; give the same rows")
    return found


def recalls(kept: Sequence[Kept]) -> dict[str, list[float]]:
    """Recall of each method by budget, the model first."""
    methods = dict.fromkeys([MODEL, *(each.method for each in kept)])
    return {method: [each.recall for each in kept if each.method == method] for method in methods}
