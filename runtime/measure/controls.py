"""The simple methods in every fidelity table, which need no trained encoder.

Each is a projection (input_dim, output_dim) fitted on the statistics of the same training rows.
"""

import numpy as np

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.runtime.vectors import Array, normalized

TRUNCATION, PCA, SOFTENED_PCA, RANDOM = "truncation", "PCA", "softened PCA", "random projection"
SOFTENING = -0.05
"""Exponent on each eigenvalue that scales its direction in softened PCA; 0 is PCA."""


def control_projections(statistics: TeacherStatistics, dim: int) -> dict[str, Array]:
    """The projections (input_dim, dim) of all controls, by name.

    Args:
        statistics: mean and second moment of the training vectors; PCA is not centred.
        dim: dimensions to keep, at most the rank of the statistics.
    """
    width = len(statistics.mean)
    identity = np.eye(width, dim, dtype=np.float32)
    gaussian = np.random.default_rng(0).standard_normal((width, dim))
    return {
        TRUNCATION: identity,
        PCA: statistics.eigenvectors[:, :dim],
        SOFTENED_PCA: softened_pca(statistics, dim),
        RANDOM: (gaussian / np.sqrt(dim)).astype(np.float32),
    }


def softened_pca(statistics: TeacherStatistics, dim: int, softening: float = SOFTENING) -> Array:
    """Leading eigenvectors (input_dim, dim) of the second moment, each scaled as `soften` says."""
    return soften(statistics.eigenvalues[:dim], statistics.eigenvectors[:, :dim], softening)


def soften(values: Array, vectors: Array, softening: float) -> Array:
    """Eigenvectors (input_dim, dim), each scaled by (eigenvalue / largest) ** softening.

    A negative exponent makes weak directions a little stronger; directions without variance get the scale of the
    weakest.

    Args:
        values: eigenvalues (dim,).
        vectors: their eigenvectors (input_dim, dim).
        softening: the exponent; 0 for plain PCA.
    """
    floor = values[values > 0].min(initial=values.max(initial=1.0))
    scales = (np.maximum(values, floor) / max(float(values.max(initial=0.0)), float(floor))) ** softening
    return np.asarray(vectors * scales, dtype=np.float32)


def project(vectors: Array, projection: Array) -> Array:
    """Project vectors (rows, input_dim) by (input_dim, dim) and scale each row to length 1: (rows, dim)."""
    return normalized(vectors @ projection)
