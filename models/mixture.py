"""What synthetic vectors are drawn from: a mixture of low-rank Gaussians, or the one of a model's statistics.

A mixture is fitted to a teacher's training vectors by `recipes/vector_samples.py` and ships next to that teacher's
models. One Gaussian alone is what PCA is made for, so that on vectors drawn from it no encoder can be better.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linguagen.models.arrays import Array
from linguagen.models.catalogue import SHIPPED
from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.models.manifests.vectors import Manifest

_LEVELS = 7
"""Levels on either side of zero that a number of a factor has in a file."""
_ENDING = ".sample.npz"


@dataclass(frozen=True, eq=False)
class Mixture:
    """Gaussians of low rank, each with independent noise on top."""

    weights: Array
    """Share of the rows that each Gaussian gives (parts,); they sum to 1."""
    means: Array
    """(parts, width)."""
    factors: Array
    """F (parts, rank, width): a Gaussian's covariance is F^T F and its noise."""
    noise: Array
    """Standard deviation of the noise (parts, width)."""

    @classmethod
    def of_statistics(cls, statistics: TeacherStatistics) -> "Mixture":
        """The one Gaussian with the mean and second moment of a teacher's vectors."""
        mean = statistics.mean @ statistics.eigenvectors  # (rank,)
        # The covariance in the leading directions is the second moment minus mean mean^T.
        values, vectors = np.linalg.eigh(np.diag(statistics.eigenvalues) - np.outer(mean, mean))
        # The symmetric root: unlike eigenvectors, whose signs are arbitrary, it is the same on every machine.
        root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
        factor = np.asarray(root @ statistics.eigenvectors.T, dtype=np.float32)
        return cls(np.ones(1, np.float32), statistics.mean[None], factor[None], np.sqrt(statistics.residual)[None])

    @classmethod
    def read(cls, path: Path) -> "Mixture":
        """The mixture that `write` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            factors = stored["factors"] * stored["steps"][:, :, None]  # (parts, rank, width)
            means = stored["means"].astype(np.float32)
            noise = np.broadcast_to(stored["noise"][:, None], means.shape)
            return cls(stored["weights"], means, factors, noise)

    def write(self, path: Path) -> None:
        """Write it with factors in 15 levels, each row in steps of its own, and one figure of noise a part.

        Fine levels would be wasted on vectors that carry no meaning, and 15 take a third of the bytes when compressed.

        Args:
            path: of the file, which ends in .npz.
        """
        steps = np.abs(self.factors).max(axis=2) / _LEVELS  # (parts, rank)
        factors = np.round(self.factors / steps[:, :, None]).astype(np.int8)
        noise = np.sqrt((self.noise**2).mean(axis=1))
        means = self.means.astype(np.float16)
        np.savez_compressed(path, weights=self.weights, means=means, factors=factors, steps=steps, noise=noise)


def mixture_path(teacher: str) -> Path:
    """Where a teacher's mixture ships."""
    return SHIPPED / f"{teacher}{_ENDING}"


def teacher_mixture(manifest: Manifest) -> Mixture:
    """The mixture that ships for a model's teacher, or the Gaussian of the model's statistics for any other teacher."""
    path = mixture_path(manifest.teacher)
    # Found among the files that ship, so that the name in a stranger's model file leads nowhere else.
    return Mixture.read(path) if path in SHIPPED.glob(f"*{_ENDING}") else Mixture.of_statistics(manifest.statistics)
