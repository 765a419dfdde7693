"""Which of two models embeddings look like, by the mean and covariance that model files carry."""

from collections.abc import Sequence

import numpy as np

from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.runtime.vectors import Array

_EVEN_SHARE = 0.2
"""Part of the mean variance that is added to every dimension: texts of other subjects and languages vary elsewhere."""
_LEAST_DIFFERENCE = 0.03
"""How much likelier, in nats a dimension, embeddings must be as another model's. Those of the text model measure -0.23
to -0.55 against the vector models of the same width, in any language and for letters and digits; the vector models'
measure 0.09 and 0.29 against the text model."""


def likelihood(embeddings: Array, moments: EmbeddingMoments) -> float:
    """Mean log density of embeddings under a normal distribution with a model's moments, in nats a dimension.

    Args:
        embeddings: (rows, dim), unit length; at least one row.
        moments: of a model of at least `dim` dimensions.
    """
    dim = embeddings.shape[1]
    mean, covariance = moments.leading(dim)
    even = _EVEN_SHARE * float(np.trace(covariance)) / dim + 1e-12
    variances, axes = np.linalg.eigh(covariance.astype(np.float64) + even * np.eye(dim))
    variances = variances.clip(min=even / 2)
    along = (embeddings - mean) @ axes  # (rows, dim)
    return float(-0.5 * (np.mean(along**2 / variances) + np.mean(np.log(variances))))


def looks_like_another(embeddings: Array, own: EmbeddingMoments, others: Sequence[EmbeddingMoments]) -> int | None:
    """The number of the model, among others, whose embeddings these look like; None if they may well be one's own.

    Args:
        embeddings: (rows, dim), unit length; at least one row, and more than a few hundred do not help.
        own: moments of the model that is about to be used.
        others: moments of other models.
    """
    if not others:
        return None
    found = [likelihood(embeddings, moments) for moments in others]
    best = int(np.argmax(found))
    return best if found[best] - likelihood(embeddings, own) > _LEAST_DIFFERENCE else None
