"""Exact search: the rows of a file of vectors or codes nearest to a query, in one pass over the file."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.codes.search import merge
from linguagen.runtime.reading.sources import Source
from linguagen.runtime.vectors import Array, unit_rows

_WINDOW_ROWS = 8192
_WINDOW_CODES = 1 << 18
"""Codes in a window: enough for all threads."""


@dataclass(frozen=True, eq=False)
class Hits:
    """The rows of a file nearest to a query, nearest first."""

    rows: npt.NDArray[np.int64]
    """Row numbers (k,), counted from 0."""
    cosines: Array
    """Cosines (k,) of these rows with the query."""
    searched: int
    """Rows in the whole file."""


def nearest_rows(query: Array, source: Source, k: int) -> Hits:
    """Find the rows nearest to a query by cosine.

    Args:
        query: (dim,), unit length.
        source: an opened file of vectors (rows, dim).
        k: how many rows to find; all rows if the file has fewer.

    Raises:
        VectorError: rows are zero or not finite; the message has their numbers.
    """
    rows, scores, searched = np.empty(0, np.int64), np.empty(0, np.float32), 0
    for first, window in source.chunks(_WINDOW_ROWS):
        unit, _ = unit_rows(window, first, source.origin)
        rows = np.concatenate([rows, np.arange(first, first + len(unit))])
        scores = np.concatenate([scores, unit @ query])
        best = np.argsort(-scores, kind="stable")[:k]
        rows, scores, searched = rows[best], scores[best], searched + len(unit)
    return Hits(rows, scores, searched)


def nearest_codes(query: Array, source: Source, codec: Codec, k: int, threads: int | None = None) -> Hits:
    """Find the codes nearest to a query by cosine; arguments as in `nearest_rows`, but a file of codes.

    Args:
        query: (model's dim,), unit length.
        source: an opened file of codes (rows, codec's columns).
        codec: what wrote the codes.
        k: how many rows to find.
        threads: CPU threads; None for all cores that this process may use.
    """
    best, searched = (np.empty((1, 0), np.int64), np.empty((1, 0), np.float32)), 0
    for first, window in source.chunks(_WINDOW_CODES):
        rows, cosines = codec.search(query[None], window, k, threads)
        best, searched = merge([best, (rows + first, cosines)], k), searched + len(window)
    return Hits(best[0][0], best[1][0], searched)
