"""How well embeddings of text agree with people: rank correlation with scores, and recall of matching texts."""

import numpy as np
import numpy.typing as npt

from linguagen.runtime.vectors import Array


def spearman(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Spearman's rank correlation of two lists of numbers (count,); equal numbers share their mean rank.

    It is 0 if one of them is constant and so has no ranks to compare.
    """
    ranks = [_ranks(np.asarray(each, dtype=np.float64)) for each in (first, second)]
    centred = [each - each.mean() for each in ranks]
    scale = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum()) / scale if scale else 0.0


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The ranks (count,) of numbers (count,), counted from 1; equal numbers share their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[place])


def cosines(first: Array, second: Array) -> Array:
    """Cosines (rows,) of two sets of unit-length rows (rows, dim), row by row."""
    return np.asarray((first * second).sum(axis=1))


def found_first(queries: Array, candidates: Array) -> float:
    """recall@1: share of queries (rows, dim) whose nearest candidate (rows, dim) is that of the same row.

    All rows are of length 1.
    """
    nearest = (queries @ candidates.T).argmax(axis=1)
    return float((nearest == np.arange(len(queries))).mean())
