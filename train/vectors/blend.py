"""Closed forms of a corpus: the main axes of its second moment, blended with a teacher's.

A small corpus says little about directions that its next document may need; the teacher's second moment, which every
model file carries, fills them in.
"""

import numpy as np
import numpy.typing as npt
import torch

from linguagen.models.manifests.statistics import TeacherStatistics
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
        self._dim, self._found = dim, dict[float, Array]()
        self._span = torch.linalg.qr(both).Q  # (width, axes)
        known = torch.from_numpy(teacher.moment().astype(np.float32))
        self._own, self._teacher = (self._span.T @ each @ self._span for each in (own, known))  # (axes, axes)

    def projection(self, share: float) -> Array:
        """The closed form (width, dim): the main axes, the strongest first.

        Args:
            share: of the teacher in the blended second moment, from 0 to 1.
        """
        if share not in self._found:
            moment = (1 - share) * self._own + share * self._teacher
            vectors = torch.linalg.eigh(moment).eigenvectors.flip(-1)[:, : self._dim]  # (axes, dim)
            self._found[share] = (self._span @ vectors).numpy()
        return self._found[share]
