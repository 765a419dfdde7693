"""Closed forms of a corpus: the main axes of its second moment, blended with a teacher's.

A small corpus says little about directions that its next document may need; the teacher's second moment, which every
model file carries, fills them in.
"""

import numpy as np
import numpy.typing as npt
import torch

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.runtime.measure.controls import soften
from linguagen.runtime.vectors import Array

_SPARE = 128
"""Axes of the corpus that are searched for the best ones, beyond those that are kept."""


class Blends:
    """The closed forms of one set of rows at every share of the teacher, from one large decomposition.

    Axes of a blend are searched in the span of the leading axes of the rows and of the teacher (the Rayleigh-Ritz
    method), which is ten times as fast as a decomposition for each share.
    """

    def __init__(self, moment: npt.NDArray[np.float64], teacher: TeacherStatistics, dim: int) -> None:
        """Find the span.

        Args:
            moment: uncentred second moment of the rows (width, width).
            teacher: statistics of the teacher's vectors.
            dim: dimensions to keep.
        """
        own = torch.from_numpy(moment.astype(np.float32))
        axes = torch.linalg.eigh(own).eigenvectors[:, -(dim + _SPARE) :]  # (width, at most dim + _SPARE)
        both = torch.cat([axes, torch.from_numpy(teacher.eigenvectors.astype(np.float32))], dim=1)
        self._dim, self._found = dim, dict[float, tuple[Array, Array]]()
        self._span = torch.linalg.qr(both).Q  # (width, axes)
        known = torch.from_numpy(teacher.moment().astype(np.float32))
        self._own, self._teacher = (self._span.T @ each @ self._span for each in (own, known))  # (axes, axes)

    def projection(self, share: float, softening: float) -> Array:
        """The closed form (width, dim).

        Args:
            share: of the teacher in the blended second moment, from 0 to 1.
            softening: exponent on the eigenvalues; 0 for PCA.
        """
        if share not in self._found:
            self._found[share] = self._main_axes((1 - share) * self._own + share * self._teacher)
        return soften(*self._found[share], softening)

    def _main_axes(self, moment: torch.Tensor) -> tuple[Array, Array]:
        """The leading eigenvalues (dim,) and eigenvectors (width, dim) of a moment inside the span (axes, axes)."""
        values, vectors = (found.flip(-1) for found in torch.linalg.eigh(moment))  # largest first
        axes = self._span @ vectors[:, : self._dim]
        return values[: self._dim].clamp(min=0).numpy(), axes.numpy()
