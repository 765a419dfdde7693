"""How a run on vectors is judged while it trains and when it ends: the fidelity table, in words too."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import nn

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.models.manifests.vectors import FidelityRow
from linguagen.runtime.measure.controls import PCA, control_projections, project
from linguagen.runtime.measure.fidelity import NEIGHBOURS, FidelitySet, Measured, difference_interval
from linguagen.runtime.vectors import Array
from linguagen.train.run.watch import Validation
from linguagen.train.vectors.data import pick

MODEL, START = "encoder", "starting model"
LATER = ", later documents"
"""Ending of a method's name where some documents are not among those that it was fitted to."""
_LEAST_SPREAD = 0.5
"""Least share of 1 - mean cosine that an encoder must keep.

Softened PCA keeps 0.95 to 1.2 of it, PCA 0.7 at worst; a collapsing objective under 0.1.
"""
_WATCHED_ROWS = 1500
"""Held-out rows used while training; the final table uses all."""
_FIGURES = {
    f"recall at {NEIGHBOURS}": "recall",
    "pair correlation": "pair_correlation",
    "pair error": "pair_error",
    "reconstruction cosine": "reconstruction",
    "mean cosine (collapse)": "mean_cosine",
}
"""Titles in TensorBoard of what a fidelity row holds."""


@dataclass(frozen=True, eq=False)
class RunResult:
    """How a run ended."""

    model: Measured
    controls: tuple[Measured, ...]
    verdict: str


@dataclass(frozen=True, eq=False)
class Validator:
    """Held-out rows with the controls already measured on them."""

    fidelity: FidelitySet
    controls: tuple[Measured, ...]

    @classmethod
    def prepare(cls, rows: Array, statistics: TeacherStatistics, dim: int) -> "Validator":
        """Measure the controls.

        Args:
            rows: held-out vectors (rows, width), unit length.
            statistics: those of the training rows.
            dim: dimensions of an embedding.
        """
        fidelity = FidelitySet(rows)
        controls = []
        for name, projection in control_projections(statistics, dim).items():
            embeddings = project(rows, projection)
            back = np.linalg.pinv(projection).astype(np.float32)  # (dim, width)
            controls.append(fidelity.measure_reconstructed(name, embeddings, embeddings @ back))
        return cls(fidelity, tuple(controls))

    def measure(self, model: nn.Module) -> Measured:
        """Measure a model, on the device where its weights lie."""
        embeddings, reconstructed = _encode(model, self.fidelity.vectors)
        return self.fidelity.measure_reconstructed(MODEL, embeddings, reconstructed)

    def validate(self, model: nn.Module) -> Validation[Measured]:
        """Measure a model while it trains, next to the controls."""
        measured = self.measure(model)
        scalars = {
            f"{title}/{item.row.method}": getattr(item.row, figure)
            for title, figure in _FIGURES.items()
            for item in (measured, *self.controls)
        }
        return Validation(measured, scalars)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows held out of training."""

    rows: Array  # (rows, width), unit length
    statistics: TeacherStatistics
    """Those of the training rows."""
    dim: int
    """Dimensions of an embedding."""

    @cached_property
    def watcher(self) -> Validator:
        """On the rows watched while training."""
        some = self.rows[pick(np.random.default_rng(0), np.arange(len(self.rows)), _WATCHED_ROWS)]
        return Validator.prepare(some, self.statistics, self.dim)

    def judge(self) -> Validator:
        """On the rows of the final table."""
        return Validator.prepare(self.rows, self.statistics, self.dim)


def _encode(model: nn.Module, vectors: Array) -> tuple[Array, Array]:
    """Embeddings (rows, dim) and reconstructions (rows, width), a chunk at a time."""
    device = next(model.parameters()).device
    parts = []
    with torch.no_grad():
        for chunk in torch.split(torch.from_numpy(vectors), 2048):
            parts.append([part.cpu().numpy() for part in model(chunk.to(device))])
    embeddings, reconstructed = zip(*parts, strict=True)
    return np.concatenate(embeddings), np.concatenate(reconstructed)


def has_collapsed(row: FidelityRow) -> bool:
    """True if unrelated vectors came out alike: random pairs lost half of their distance from cosine 1."""
    spread = 1 - row.mean_cosine
    return not spread >= _LEAST_SPREAD * (1 - row.mean_cosine_before)  # true for NaN


def verdict(model: Measured, controls: tuple[Measured, ...]) -> str:
    """One sentence: how the model compares with PCA, with the 95 % interval of the difference."""
    pca = next(item for item in controls if item.row.method == PCA)
    low, high = (100 * bound for bound in difference_interval(model.recall_per_vector, pca.recall_per_vector))
    recalls = f"recall@{NEIGHBOURS} {model.row.recall:.3f} against PCA's {pca.row.recall:.3f}"
    figures = f"{recalls}, {low:+.1f} to {high:+.1f} points"
    if low > 0:
        return f"Better than PCA: {figures} (95 % interval)."
    if high < 0:
        return f"WORSE than PCA: {figures} (95 % interval). Use PCA, or train longer or on more vectors."
    return f"No better than PCA: {figures} (95 % interval). PCA does as well here."


def fit_verdict(fitted: Sequence[Measured], later: Sequence[Measured]) -> str:
    """Two sentences: how a fit compares with PCA and with the starting model, with 95 % intervals of the differences.

    Args:
        fitted: the encoder, PCA and the starting model, among documents that were fitted.
        later: the same methods, where some of the documents come later.
    """
    return f"Among fitted documents {_differences(fitted)}. When documents come later {_differences(later)}."


def _differences(measured: Sequence[Measured]) -> str:
    """Recall of the encoder, PCA and the starting model in words, with intervals of the differences."""
    encoder, *others = measured
    parts = []
    for other in others:
        low, high = (100 * bound for bound in difference_interval(encoder.recall_per_vector, other.recall_per_vector))
        parts.append(
            f"{other.row.method.removesuffix(LATER)} {other.row.recall:.3f} ({low:+.1f} to {high:+.1f} points)"
        )
    return f"recall@{NEIGHBOURS} is {encoder.row.recall:.3f}, against {' and '.join(parts)}"
