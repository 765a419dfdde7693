"""Whose vectors are these? Every 1536-d vector fits, but only its own teacher's come out well."""

import numpy as np

from linguagen.models.manifests.vectors import Manifest
from linguagen.runtime.vectors import Array

_LEAST_SHARE = 0.4
"""Of the spectrum expected. Sources of a model's own teacher measure 0.77 to 1.09, another teacher's and
uniform noise 0.17 to 0.27, single rows included, so the line between them is far from both."""


def mismatch_warning(manifest: Manifest, vectors: Array) -> str | None:
    """Compare vectors with the mean and spectrum of the model's training vectors.

    Args:
        manifest: of the model about to be used.
        vectors: (rows, input_dim), unit length; a few hundred rows are plenty, one is enough.

    Returns:
        A warning for people, or None where the vectors look like the teacher's.
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
