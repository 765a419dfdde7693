"""Synthetic vectors, drawn from what a model's package knows of its teacher.

They look like a teacher's vectors but have no meaning: use them to try commands and to time them, not to judge quality.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from linguagen.models.mixture import Mixture, teacher_mixture
from linguagen.models.model_file import load_manifest
from linguagen.runtime.vectors import Array, normalized
from linguagen.runtime.writing.npy import NpyWriter

TOPIC_ROWS = 20
"""Consecutive rows that share a topic, so that every row has near neighbours, as in real vectors."""
TOPIC_SHARE = 0.6
"""Share of the variance that the rows of a topic have in common: methods then rank as on real vectors."""
_CHUNK_ROWS = 50 * TOPIC_ROWS


def write_sample(output: Path, rows: int, model: str, seed: int, advance: Callable[[int], None]) -> None:
    """Draw vectors (rows, input_dim) to a .npy file, as float32.

    Args:
        output: path of the file.
        rows: how many vectors.
        model: name or file of the model whose teacher they are like.
        seed: the same seed gives the same vectors.
        advance: called with the number of rows just written.

    Raises:
        UnknownModelError: no model has this name and no file has this path.
        ModelFileError: the model file is damaged.
        VectorFileError: the file cannot be written.
    """
    mixture = teacher_mixture(load_manifest(model))
    with NpyWriter(output, rows, mixture.means.shape[1]) as writer:
        for chunk in draw_vectors(mixture, rows, seed):
            writer.write(chunk)
            advance(len(chunk))


def draw_vectors(mixture: Mixture, rows: int, seed: int) -> Iterator[Array]:
    """Draw unit vectors; each topic of TOPIC_ROWS rows is of one part of the mixture.

    Args:
        mixture: what they are drawn from.
        rows: how many vectors in all.
        seed: the same seed gives the same vectors, however many are drawn after them.

    Yields:
        Chunks (rows, width) of up to 1000 rows, float32.
    """
    _, rank, width = mixture.factors.shape
    for number, first in enumerate(range(0, rows, _CHUNK_ROWS)):
        generator = np.random.default_rng([seed, number])
        parts = generator.choice(len(mixture.weights), size=_CHUNK_ROWS // TOPIC_ROWS, p=_shares(mixture))  # (topics,)
        vectors = _draw(generator, rank) @ mixture.factors[parts]  # (topics, TOPIC_ROWS, width)
        vectors += mixture.means[parts, None] + _draw(generator, width) * mixture.noise[parts, None]
        yield normalized(vectors.reshape(_CHUNK_ROWS, width)[: rows - first])


def _shares(mixture: Mixture) -> npt.NDArray[np.float64]:
    """The weights (parts,) in double precision, so that they sum to 1 as numpy asks."""
    weights = mixture.weights.astype(np.float64)
    return np.asarray(weights / weights.sum())


def _draw(generator: np.random.Generator, size: int) -> Array:
    """Normal numbers (topics, TOPIC_ROWS, size); the rows of a topic have TOPIC_SHARE of the variance in common."""
    topics = _CHUNK_ROWS // TOPIC_ROWS
    common = generator.standard_normal((topics, 1, size), dtype=np.float32)
    own = generator.standard_normal((topics, TOPIC_ROWS, size), dtype=np.float32)
    return np.asarray(np.sqrt(TOPIC_SHARE) * common + np.sqrt(1 - TOPIC_SHARE) * own, dtype=np.float32)
