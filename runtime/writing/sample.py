"""Synthetic vectors, drawn from the mean and second moment in a model file.

They have a teacher's spectrum but no meaning: use them to try commands and to time them, not to judge quality.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.models.model_file import load_manifest
from linguagen.runtime.vectors import Array, normalized
from linguagen.runtime.writing.npy import NpyWriter

TOPIC_ROWS = 20
"""Consecutive rows that share a topic, so that every row has near neighbours, as in real vectors."""
TOPIC_SHARE = 0.5
"""Share of the variance that the rows of a topic have in common."""
_CHUNK_ROWS = 50 * TOPIC_ROWS


def write_sample(output: Path, rows: int, model: str, seed: int, advance: Callable[[int], None]) -> None:
    """Draw vectors (rows, input_dim) to a .npy file, as float32.

    Args:
        output: path of the file.
        rows: how many vectors.
        model: name or file of the model whose statistics they have.
        seed: the same seed gives the same vectors.
        advance: called with the number of rows just written.

    Raises:
        UnknownModelError: no model has this name and no file has this path.
        ModelFileError: the model file is damaged.
        VectorFileError: the file cannot be written.
    """
    statistics = load_manifest(model).statistics
    with NpyWriter(output, rows, len(statistics.mean)) as writer:
        for chunk in draw_vectors(statistics, rows, seed):
            writer.write(chunk)
            advance(len(chunk))


def draw_vectors(statistics: TeacherStatistics, rows: int, seed: int) -> Iterator[Array]:
    """Draw unit vectors with the mean and, before scaling to length 1, the second moment of `statistics`.

    Args:
        statistics: mean and second moment of a teacher's vectors.
        rows: how many vectors in all.
        seed: the same seed gives the same vectors, however many are drawn after them.

    Yields:
        Chunks (rows, dim) of up to 1000 rows, float32.
    """
    factor = _covariance_factor(statistics)  # (rank, dim)
    noise = np.sqrt(statistics.residual)  # (dim,)
    for number, first in enumerate(range(0, rows, _CHUNK_ROWS)):
        generator = np.random.default_rng([seed, number])
        topics = generator.standard_normal((_CHUNK_ROWS // TOPIC_ROWS, len(factor)))
        own = generator.standard_normal((_CHUNK_ROWS, len(factor)))
        codes = np.sqrt(TOPIC_SHARE) * topics.repeat(TOPIC_ROWS, axis=0) + np.sqrt(1 - TOPIC_SHARE) * own
        vectors = statistics.mean + codes @ factor + generator.standard_normal((_CHUNK_ROWS, len(noise))) * noise
        yield normalized(vectors[: rows - first])


def _covariance_factor(statistics: TeacherStatistics) -> Array:
    """F (rank, dim) such that F^T F is the covariance in the leading directions: second moment minus mean mean^T."""
    mean = statistics.mean @ statistics.eigenvectors  # (rank,)
    values, vectors = np.linalg.eigh(np.diag(statistics.eigenvalues) - np.outer(mean, mean))
    # The symmetric root: unlike eigenvectors, whose signs are arbitrary, it is the same on every machine.
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return np.asarray(root @ statistics.eigenvectors.T, dtype=np.float32)
