"""Exact search: the rows of a file that are nearest to a query, in one pass."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linguagen.runtime.reading.sources import Source
from linguagen.runtime.vectors import Array, unit_rows

_WINDOW_ROWS = 8192


@dataclass(frozen=True, eq=False)
class Hits:
    """The nearest rows, the nearest first."""

    rows: npt.NDArray[np.int64]
    """(k,), from 0."""
    cosines: Array
    """(k,)"""
    searched: int
    """Rows of the file."""


def nearest_rows(query: Array, source: Source, k: int) -> Hits:
    """Find the rows nearest to a query by cosine.

    Args:
        query: (dim,), unit length.
        source: an open file of vectors (rows, dim).
        k: how many; all where the file has fewer.

    Raises:
        VectorError: a row that is zero or not finite, by number.
    """
    rows, scores, searched = np.empty(0, np.int64), np.empty(0, np.float32), 0
    for start, window in source.chunks(_WINDOW_ROWS):
        unit, _ = unit_rows(window, start, source.origin)
        rows = np.concatenate([rows, np.arange(start, start + len(unit))])
        scores = np.concatenate([scores, unit @ query])
        best = np.argsort(-scores, kind="stable")[:k]
        rows, scores, searched = rows[best], scores[best], searched + len(unit)
    return Hits(rows, scores, searched)
