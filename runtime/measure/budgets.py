"""What each number of bytes per vector keeps: a model's codes and simple methods, on the same vectors."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from linguagen.models.errors import UsageError, VectorError
from linguagen.runtime.codes.codec import Codec, truncate
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.measure.controls import project
from linguagen.runtime.measure.evaluation import codecs_within
from linguagen.runtime.measure.fidelity import FidelitySet
from linguagen.runtime.vectors import Array, normalized

BUDGETS = (32, 64, 128, 256, 512, 1024)
"""Bytes per vector."""
MODEL, PCA_INT8, CUT_FLOAT, CUT_INT8, BINARY = (
    "LinguaGEN",
    "PCA of these vectors, int8",
    "truncation, float32",
    "truncation, int8",
    "binary",
)
_SPREAD = 4.0
"""Standard deviations on each side of zero that int8 holds."""
_QUERY_SHARE, _MOST_QUERIES = 0.2, 1000

Coded = tuple[Array, Array]
"""Queries (rows, dim) and documents (others, dim) after compression; documents as what their codes stand for."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Rows of a file, dealt to queries and to the documents that they are looked up in."""

    queries: Array  # (rows, width)
    documents: Array  # (others, width)
    query_rows: np.ndarray
    """Places (rows,) of the queries among the rows drawn."""
    document_rows: np.ndarray
    """Places (others,) of the documents."""


@dataclass(frozen=True, eq=False)
class Kept:
    """What one method keeps at one budget."""

    method: str
    budget: int
    recall: float
    recall_per_query: Array  # (rows,)
    codec: Codec | TrellisCodec | None
    """The model's codec; None for the other methods."""
    model: str = ""
    """The model's name or file, as it was asked for; empty for the other methods."""


def deal(rows: Array, seed: int = 0) -> Drawn:
    """Deal rows (rows, width): a fifth, at most 1,000, are queries, and the others documents.

    Raises:
        VectorError: there are too few.
    """
    count = min(round(len(rows) * _QUERY_SHARE), _MOST_QUERIES)
    if count < 10 or len(rows) - count < 20:
        raise VectorError(f"{len(rows)} vectors are too few to report on: give 50 or more")
    order = np.random.default_rng(seed).permutation(len(rows))
    queries, documents = np.sort(order[:count]), np.sort(order[count:])
    return Drawn(rows[queries], rows[documents], queries, documents)


def measure_budgets(compressors: Mapping[str, Compressor], drawn: Drawn, advance: Callable[[int], None]) -> list[Kept]:
    """Recall@10 of every method at every budget.

    Args:
        compressors: models of one teacher by name; at each budget the best of them counts.
        drawn: queries and documents, of the width that the model takes.
        advance: called with 1 after each budget.
    """
    fidelity = FidelitySet(drawn.queries, corpus=drawn.documents)
    embedded = {
        name: (each.compress(drawn.queries), each.compress(drawn.documents)) for name, each in compressors.items()
    }
    axes = main_axes(drawn.documents, max(BUDGETS))
    found = []
    for budget in BUDGETS:
        ours = [_best_codec(name, each, fidelity, embedded[name], budget) for name, each in compressors.items()]
        found.append(max(ours, key=lambda kept: kept.recall))
        for method, coded in _simple_methods(drawn, axes, budget):
            measured = fidelity.measure(method, *coded)
            found.append(Kept(method, budget, measured.row.recall, measured.recall_per_vector, None))
        advance(1)
    return found


def _best_codec(name: str, compressor: Compressor, fidelity: FidelitySet, embedded: Coded, budget: int) -> Kept:
    """A model's best way to spend a budget.

    Args:
        name: of the model.
        compressor: the model.
        fidelity: the queries among the documents.
        embedded: embeddings of the queries (rows, dim) and of the documents (others, dim).
        budget: bytes per vector.
    """
    queries, documents = embedded
    tried = []
    for codec in codecs_within(compressor, budget):
        decoded = codec.decode(codec.encode(documents))
        measured = fidelity.measure(MODEL, truncate(queries, codec.dim), decoded)
        tried.append(Kept(MODEL, budget, measured.row.recall, measured.recall_per_vector, codec, name))
    return max(tried, key=lambda kept: kept.recall)


def main_axes(rows: Array, dim: int) -> Array:
    """The main axes (width, at most dim) of rows (rows, width), uncentred; at most as many as there are rows."""
    _, vectors = np.linalg.eigh((rows.T @ rows).astype(np.float32))
    return np.ascontiguousarray(vectors[:, ::-1][:, : min(dim, len(rows))])


def _simple_methods(drawn: Drawn, axes: Array, budget: int) -> Iterator[tuple[str, Coded]]:
    """Each simple method by name, with what it makes of queries and documents in a budget; axes are (width, dims)."""
    both = drawn.queries, drawn.documents
    projected = [project(rows, axes[:, :budget]) for rows in both]
    yield PCA_INT8, (projected[0], int8_rounded(projected[1]))
    yield CUT_FLOAT, _cut(both, budget // 4)
    queries, documents = _cut(both, budget)
    yield CUT_INT8, (queries, int8_rounded(documents))
    queries, documents = _cut(both, 8 * budget)
    yield BINARY, (queries, normalized(np.where(documents > 0, np.float32(1), np.float32(-1))))


def _cut(both: Coded, dim: int) -> Coded:
    """The first `dim` numbers of queries and documents, scaled to length 1."""
    return truncate(both[0], min(dim, both[0].shape[1])), truncate(both[1], min(dim, both[1].shape[1]))


def int8_rounded(rows: Array) -> Array:
    """Rows (rows, dim) after int8: a step of its own for each dimension, which holds four standard deviations."""
    step = (_SPREAD * np.sqrt((rows**2).mean(axis=0)) / 127).clip(min=1e-12)  # (dim,)
    return normalized(np.round(rows / step).clip(-128, 127) * step)


def better_than(chosen: Kept, kept: list[Kept]) -> Kept | None:
    """The simple method that keeps most in the bytes of what is recommended, if it keeps more; else None."""
    others = (each for each in kept if each.budget == chosen.budget and each.recall > chosen.recall)
    return max(others, key=lambda each: each.recall, default=None)


def recommended(kept: list[Kept], target: float) -> Kept:
    """The smallest budget at which the model keeps a recall; the largest if none does.

    Raises:
        UsageError: the recall is not between 0 and 1.
    """
    if not 0 < target < 1:
        raise UsageError(f"--keep is {target:g}, expected between 0 and 1, such as 0.9")
    ours = sorted((each for each in kept if each.method == MODEL), key=lambda each: each.budget)
    return next((each for each in ours if each.recall >= target), max(ours, key=lambda each: each.recall))
