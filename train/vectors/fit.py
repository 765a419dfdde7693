"""Fit one corpus: a closed form blended with what a teacher's model knows, chosen on held-out queries.

A small corpus says little about directions that its next query may need; the teacher's second moment, carried in every
model file, fills them in. How much of it, and whether weak directions are softened, is decided by recall on queries
that are held out, not by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import TrainingError
from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.runtime.measure.controls import project, softened_pca
from linguagen.runtime.measure.fidelity import FidelitySet

SHARES = (0.0, 0.05, 0.2, 0.5, 0.9)
"""Shares of the teacher in the blended second moment that are tried."""
SOFTENINGS = (0.0, -0.05)
"""Exponents on the eigenvalues that are tried."""


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """A closed form and how it was chosen."""

    statistics: TeacherStatistics
    """Those of the blend."""
    softening: float
    share: float
    """The teacher's share in the blend."""
    recall: float
    """Recall on the queries that chose it."""


def choose_closed_form(
    own: TeacherStatistics,
    own_moment: npt.NDArray[np.float64],
    prior: TeacherStatistics | None,
    dim: int,
    queries: FidelitySet,
) -> ClosedForm:
    """The blend of second moments whose softened PCA keeps most neighbours of held-out queries.

    Args:
        own: the corpus's statistics.
        own_moment: its second moment (width, width).
        prior: the teacher's statistics; None to choose the softening only.
        dim: dimensions to keep.
        queries: held-out queries with the corpus they are looked up in.

    Raises:
        TrainingError: the prior has another width.
    """
    if prior is not None and len(prior.mean) != len(own_moment):
        raise TrainingError(
            f"the corpus has vectors of width {len(own_moment)}, the model to start from takes width "
            f"{len(prior.mean)}; choose the model of the teacher that made these vectors"
        )
    found = []
    for share, statistics in _blends(own, own_moment, prior, dim):
        for softening in SOFTENINGS:
            projection = softened_pca(statistics, dim, softening)
            assert queries.corpus is not None
            measured = queries.measure("", project(queries.vectors, projection), project(queries.corpus, projection))
            found.append(ClosedForm(statistics, softening, share, measured.row.recall))
    return max(found, key=lambda form: form.recall)


def _blends(
    own: TeacherStatistics, own_moment: npt.NDArray[np.float64], prior: TeacherStatistics | None, dim: int
) -> Sequence[tuple[float, TeacherStatistics]]:
    """Each share that is tried, with the statistics of its blend; own_moment is (width, width)."""
    if prior is None:
        return [(0.0, own)]
    teacher, rank = prior.moment(), max(dim, own.eigenvectors.shape[1])
    mean = own.mean.astype(np.float64)
    mixed = [TeacherStatistics.from_moments(mean, (1 - s) * own_moment + s * teacher, rank) for s in SHARES[1:]]
    return list(zip(SHARES, [own, *mixed], strict=True))


def refuse_without_spread(statistics: TeacherStatistics, rows: int) -> None:
    """Refuse vectors that are all the same: nothing can be learnt, and every neighbour is a tie.

    Raises:
        TrainingError: they are.
    """
    total = float(statistics.eigenvalues.sum() + statistics.residual.sum())
    if float(statistics.eigenvalues[0]) > (1 - 1e-5) * total:
        raise TrainingError(f"all {rows} training vectors point the same way; give vectors of different texts")
