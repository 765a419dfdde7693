"""The mean and second moment of a teacher's vectors, as a model file carries them.

The second moment M = E[x x^T] is kept as low rank plus diagonal, M ~ V diag(w) V^T + diag(d): enough to draw
synthetic vectors, to notice vectors of another teacher, and to fit PCA controls without the training data.
At rank 256 it takes 0.8 MB of a model file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linguagen.models.arrays import Array, decode_array, encode_array
from linguagen.models.manifests.fields import check_shape

LEAST_RANK = 256
"""Eigenvectors kept at least, even for models of fewer dimensions."""
_STORED = {"mean": "<f4", "eigenvalues": "<f4", "eigenvectors": "<f2", "residual": "<f4"}
"""How each array is stored: little-endian floats, those of the basis in half precision."""


@dataclass(frozen=True, eq=False)
class TeacherStatistics:
    """Mean and second moment of a teacher's unit-length vectors."""

    mean: Array  # (dim,)
    eigenvalues: Array  # (rank,), largest first
    eigenvectors: Array  # (dim, rank), orthonormal columns
    residual: Array  # (dim,), the diagonal of the second moment less that of the low rank

    @classmethod
    def from_moments(
        cls, mean: npt.NDArray[np.float64], moment: npt.NDArray[np.float64], rank: int
    ) -> "TeacherStatistics":
        """Keep the leading eigenvectors of a second moment.

        Args:
            mean: (dim,).
            moment: (dim, dim), uncentred.
            rank: eigenvectors to keep; LEAST_RANK if that is more.
        """
        rank = max(rank, LEAST_RANK)
        values, vectors = np.linalg.eigh(moment)
        values, vectors = values[::-1][:rank].clip(min=0), vectors[:, ::-1][:, :rank]
        residual = (np.diag(moment) - (vectors**2) @ values).clip(min=0)
        return cls(
            mean=mean.astype(np.float32),
            eigenvalues=values.astype(np.float32),
            eigenvectors=vectors.astype(np.float32),
            residual=residual.astype(np.float32),
        )

    def moment(self) -> npt.NDArray[np.float64]:
        """The second moment (dim, dim), rebuilt from low rank plus diagonal."""
        vectors = self.eigenvectors.astype(np.float64)
        return np.asarray((vectors * self.eigenvalues) @ vectors.T + np.diag(self.residual.astype(np.float64)))

    def captured(self, vectors: Array) -> Array:
        """Share of each vector's squared length that lies in the leading eigenvectors.

        Args:
            vectors: (rows, dim).

        Returns:
            (rows,), between 0 and 1.
        """
        squared = np.einsum("ij,ij->i", vectors, vectors)
        projected = vectors @ self.eigenvectors  # (rows, rank)
        return np.asarray(np.einsum("ij,ij->i", projected, projected) / squared, dtype=np.float32)

    @property
    def expected_captured(self) -> float:
        """Mean of `captured` over the vectors that the statistics were measured on."""
        return float(self.eigenvalues.sum() / (self.eigenvalues.sum() + self.residual.sum()))

    def to_document(self) -> dict[str, Any]:
        """Write as JSON-ready values."""
        return {name: encode_array(getattr(self, name), dtype) for name, dtype in _STORED.items()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "TeacherStatistics":
        """Read what `to_document` wrote.

        Raises:
            KeyError, TypeError, ValueError: the document does not hold statistics.
        """
        return cls(**{name: decode_array(document[name]) for name in _STORED})

    def check_width(self, dim: int) -> None:
        """Check that these are the statistics of vectors of `dim` numbers.

        Raises:
            ValueError: they are not.
        """
        rank = self.eigenvalues.size
        shapes = {"mean": (dim,), "eigenvalues": (rank,), "eigenvectors": (dim, rank), "residual": (dim,)}
        for name, shape in shapes.items():
            check_shape(f"{name} of the statistics", getattr(self, name), shape)
