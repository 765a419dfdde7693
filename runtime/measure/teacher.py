"""Detects vectors of another teacher: they may have the right width, but a model only keeps its own teacher's well."""

import numpy as np

from linguagen.models.manifests.vectors import Manifest
from linguagen.runtime.vectors import Array

_LEAST_SHARE = 0.4
"""Least share of the expected spectrum. Vectors of a model's own teacher measure 0.77 to 1.09, those of another teacher
and uniform noise 0.17 to 0.27, even single rows, so the limit is far from both."""


def mismatch_warning(manifest: Manifest, vectors: Array) -> str | None:
    """Compare vectors with the mean and spectrum of the model's training vectors.

    Args:
        manifest: manifest of the model that is about to be used.
        vectors: (rows, input_dim), unit length; one row is enough, and more than a few hundred do not help.

    Returns:
        A warning for the user, or None if the vectors look like the teacher's.
    """
    statistics = manifest.statistics
    share = float(statistics.captured(vectors).mean()) / statistics.expected_captured
    if share >= _LEAST_SHARE:
        return None
    lengths = float(np.linalg.norm(vectors.mean(axis=0)) * np.linalg.norm(statistics.mean))
    cosine = float(vectors.mean(axis=0) @ statistics.mean) / max(lengths, 1e-12)
    return (
        f"these vectors do not look like {manifest.teacher}'s: they have {share:.0%} of the spectrum expected in its "
        f"leading directions, and their mean has cosine {cosine:.2f} with its mean; neighbours will be lost. "
        "Use the model of the teacher that made them (lg-run models), or train one: lg-train VECTORS"
    )
