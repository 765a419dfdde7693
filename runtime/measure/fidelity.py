"""Fidelity: how well compressed vectors keep the neighbours and cosines of the originals.

The figures, each defined here once:

* recall@k: share of a vector's exact k nearest neighbours by cosine (itself left out) that are still among its k
  nearest after compression, averaged over the vectors.
* pair correlation and pair error: Pearson's r and mean absolute difference between the cosines of 30,000 random
  pairs before and after.
* reconstruction: mean cosine between a vector and its linear reconstruction.
* mean cosine of those pairs, before and after: a large rise is collapse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import VectorError
from linguagen.models.manifests.vectors import FidelityRow
from linguagen.runtime.vectors import Array, Indices

NEIGHBOURS = 10
PAIRS = 30_000
_SCORE_ROWS = 1024
_RESAMPLES = 1000
"""Samples of the bootstrap behind an interval."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The figures of one method, and its recall for every vector, for intervals and for recall by origin."""

    row: FidelityRow
    recall_per_vector: Array  # (rows,)


class FidelitySet:
    """A set of original vectors with its exact neighbours and random pairs, against which methods are measured."""

    def __init__(
        self, vectors: Array, neighbours: int = NEIGHBOURS, seed: int = 0, corpus: Array | None = None
    ) -> None:
        """Search the exact neighbours of all vectors.

        Args:
            vectors: (rows, width), unit length.
            neighbours: the k of recall@k.
            seed: seed of the random pairs.
            corpus: (others, width), unit length, in which to look for neighbours, if `vectors` are queries; None to
                look among the vectors themselves, where a vector is not its own neighbour.

        Raises:
            VectorError: there are fewer than neighbours + 2 vectors.
        """
        searched = len(vectors if corpus is None else corpus)
        if searched < neighbours + 2 or len(vectors) < 2:
            raise VectorError(
                f"{min(searched, len(vectors))} vectors are too few for recall@{neighbours}: "
                f"at least {neighbours + 2} are needed; give more vectors"
            )
        self.vectors, self.neighbours, self.corpus = vectors, neighbours, corpus
        self._exact = nearest_neighbours(vectors, neighbours, corpus)  # (rows, neighbours)
        self._pairs = _random_pairs(len(vectors), seed)  # (2, PAIRS)
        self._cosines = _pair_cosines(vectors, self._pairs)  # (PAIRS,)

    def measure(self, method: str, embeddings: Array, corpus: Array | None = None) -> Measured:
        """Measure one method.

        Args:
            method: the method's name in the table.
            embeddings: (rows, dim), unit length: the compressed `vectors`, row by row.
            corpus: (others, dim): the compressed corpus, if there is one; otherwise the same rows in another form, such
                as decoded codes, where a row is still not its own neighbour; None for `embeddings` themselves.
        """
        others = self.corpus is None and corpus is not None
        recall = recall_per_row(self._exact, nearest_neighbours(embeddings, self.neighbours, corpus, same=others))
        after = _pair_cosines(embeddings, self._pairs)
        row = FidelityRow(
            method=method,
            dim=embeddings.shape[1],
            recall=float(recall.mean()),
            pair_correlation=_correlation(self._cosines, after),
            pair_error=float(np.abs(after - self._cosines).mean()),
            mean_cosine=float(after.mean()),
            mean_cosine_before=float(self._cosines.mean()),
        )
        return Measured(row, recall)

    def measure_reconstructed(
        self, method: str, embeddings: Array, reconstructed: Array, corpus: Array | None = None
    ) -> Measured:
        """Like `measure`, but also gives the reconstruction cosine of `reconstructed` (rows, width)."""
        measured = self.measure(method, embeddings, corpus)
        cosine = reconstruction_cosine(self.vectors, reconstructed)
        return Measured(replace(measured.row, reconstruction=cosine), measured.recall_per_vector)


def nearest_neighbours(vectors: Array, count: int, corpus: Array | None = None, same: bool = False) -> Indices:
    """Find the exact nearest neighbours of every row by cosine.

    Args:
        vectors: (rows, width), unit length.
        count: neighbours per row, fewer than there are rows to find.
        corpus: (others, width) in which to look; None for the vectors themselves, where a row is not its own neighbour.
        same: True if the corpus is the vectors in another form, where a row is not its own neighbour either.

    Returns:
        Row numbers (rows, count), in no particular order.
    """
    found = np.empty((len(vectors), count), dtype=np.intp)
    for start in range(0, len(vectors), _SCORE_ROWS):
        scores = vectors[start : start + _SCORE_ROWS] @ (vectors if corpus is None else corpus).T  # (chunk, others)
        if corpus is None or same:
            own = np.arange(len(scores))
            scores[own, start + own] = -np.inf
        found[start : start + len(scores)] = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    return found


def recall_per_row(exact: Indices, approximate: Indices) -> Array:
    """Share (rows,) of the exact neighbours (rows, k) of each row that are also in `approximate` (rows, k)."""
    hits = (exact[:, :, None] == approximate[:, None, :]).any(axis=2)  # (rows, k)
    return np.asarray(hits.mean(axis=1), dtype=np.float32)


def reconstruction_cosine(vectors: Array, reconstructed: Array) -> float:
    """Mean cosine between rows of `vectors` and of `reconstructed`, both (rows, width)."""
    products = np.einsum("ij,ij->i", vectors, reconstructed)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(reconstructed, axis=1)
    return float((products / lengths.clip(min=1e-12)).mean())


def difference_interval(first: Array, second: Array) -> tuple[float, float]:
    """95 % interval of mean(first) - mean(second), for recalls (rows,) of the same vectors in the same order.

    A percentile bootstrap over the vectors (Efron, "Bootstrap methods", 1979), with a fixed seed.
    """
    difference = np.asarray(first, dtype=np.float64) - second
    generator = np.random.default_rng(0)
    means = [float(generator.choice(difference, len(difference)).mean()) for _ in range(_RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def recall_by_origin(measured: Sequence[Measured], origins: npt.NDArray[np.integer]) -> Mapping[int, list[float]]:
    """Mean recall of the vectors of every origin, one figure per method; neighbours are still those in the whole set.

    Args:
        measured: the methods.
        origins: (rows,), the origin of every vector.
    """
    return {
        int(origin): [float(item.recall_per_vector[origins == origin].mean()) for item in measured]
        for origin in np.unique(origins)
    }


def _random_pairs(rows: int, seed: int) -> Indices:
    """Random pairs (2, PAIRS) of two different row numbers."""
    generator = np.random.default_rng(seed)
    first = generator.integers(rows, size=PAIRS)
    second = (first + generator.integers(1, rows, size=PAIRS)) % rows  # never the row itself
    return np.stack([first, second])


def _pair_cosines(vectors: Array, pairs: Indices) -> Array:
    """Cosines (PAIRS,) of pairs (2, PAIRS) of unit vectors (rows, width), in parts, so that memory stays flat."""
    parts = [
        np.einsum("ij,ij->i", vectors[first], vectors[second])
        for first, second in zip(
            np.array_split(pairs[0], PAIRS // 2000), np.array_split(pairs[1], PAIRS // 2000), strict=True
        )
    ]
    return np.concatenate(parts)


def _correlation(first: Array, second: Array) -> float:
    """Pearson's r of two lists of numbers (count,); 0 if one of them is constant."""
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
    return float(first @ second) / scale if scale > 0 else 0.0
