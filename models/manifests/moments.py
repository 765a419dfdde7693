"""Mean and covariance of a model's embeddings, by which codes of any width are centred and scaled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from linguagen.models.arrays import Array, decode_array, encode_array
from linguagen.models.manifests.fields import check_shape

_MOST_SCALE = 1e6
"""Embeddings have length 1, so their covariance is at most 1; this only keeps products from overflowing."""


@dataclass(frozen=True, eq=False)
class EmbeddingMoments:
    """Mean and covariance of a model's unit-length embeddings."""

    mean: Array  # (dim,)
    covariance: Array  # (dim, dim)

    @classmethod
    def of(cls, embeddings: Array) -> "EmbeddingMoments":
        """Measure mean and covariance on embeddings (rows, dim) of real vectors."""
        mean = embeddings.mean(axis=0, dtype=np.float64)
        covariance = embeddings.T.astype(np.float64) @ embeddings / len(embeddings) - np.outer(mean, mean)
        return cls(mean.astype(np.float32), covariance.astype(np.float32))

    def leading(self, dim: int) -> tuple[Array, Array]:
        """Mean (dim,) and covariance (dim, dim) of the first dimensions, after these are scaled to length 1."""
        mean, covariance = self.mean[:dim], self.covariance[:dim, :dim]
        length = float(np.sqrt(mean @ mean + np.trace(covariance)))
        return mean / max(length, 1e-12), covariance / max(length, 1e-12) ** 2

    @property
    def deviation(self) -> Array:
        """Standard deviation (dim,) of each dimension."""
        return np.sqrt(np.diag(self.covariance))

    def to_document(self) -> dict[str, Any]:
        """Write as JSON-ready values: variances alone if the covariance has no other values.

        Otherwise the covariance is divided by its largest value and stored in half precision.
        """
        variances = np.diag(self.covariance)
        if np.array_equal(np.diag(variances), self.covariance):
            return {"mean": encode_array(self.mean, "<f4"), "variances": encode_array(variances, "<f4")}
        scale = float(np.abs(self.covariance).max()) or 1.0
        return {
            "mean": encode_array(self.mean, "<f4"),
            "covariance": encode_array(self.covariance / scale, "<f2"),
            "covariance_scale": scale,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "EmbeddingMoments":
        """Read what `to_document` wrote.

        Raises:
            KeyError, TypeError, ValueError: the document does not hold moments.
        """
        if "variances" in document:
            return cls(decode_array(document["mean"]), np.diag(decode_array(document["variances"])))
        scale = document["covariance_scale"]
        if type(scale) not in (int, float) or not 0 < scale < _MOST_SCALE:
            raise ValueError(f"covariance_scale is {scale!r:.40}, expected a number between 0 and {_MOST_SCALE:.0f}")
        return cls(decode_array(document["mean"]), decode_array(document["covariance"]) * np.float32(scale))

    def check_width(self, dim: int) -> None:
        """Check that these are the moments of embeddings of `dim` dimensions.

        Raises:
            ValueError: they are not.
        """
        check_shape("the mean of embedding_moments", self.mean, (dim,))
        check_shape("the covariance of embedding_moments", self.covariance, (dim, dim))
