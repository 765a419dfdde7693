"""How a run is judged while it trains and when it ends: the fidelity table, in words too."""

from dataclasses import dataclass

import numpy as np
import torch

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.models.manifests.vectors import FidelityRow
from linguagen.runtime.measure.controls import PCA, control_projections, project
from linguagen.runtime.measure.fidelity import NEIGHBOURS, FidelitySet, Measured, difference_interval
from linguagen.runtime.vectors import Array
from linguagen.train.vectors.network import Autoencoder

MODEL, CLOSED_FORM = "encoder", "closed form"
_LEAST_SPREAD = 0.5
"""Of 1 - mean cosine. Softened PCA keeps 0.95 to 1.2 of it, PCA 0.7 at worst; a collapsing objective under 0.1."""


@dataclass(frozen=True, eq=False)
class Validator:
    """Held-out rows with the controls already measured on them."""

    fidelity: FidelitySet
    controls: tuple[Measured, ...]

    @classmethod
    def prepare(cls, rows: Array, statistics: TeacherStatistics, dim: int, corpus: Array | None = None) -> "Validator":
        """Measure the controls.

        Args:
            rows: held-out vectors (rows, width), unit length.
            statistics: of the training rows.
            dim: dimensions of an embedding.
            corpus: where the rows look for their neighbours, (others, width); None for among themselves.
        """
        fidelity = FidelitySet(rows, corpus=corpus)
        controls = []
        for name, projection in control_projections(statistics, dim).items():
            embeddings = project(rows, projection)
            back = np.linalg.pinv(projection).astype(np.float32)  # (dim, width)
            found = None if corpus is None else project(corpus, projection)
            controls.append(fidelity.measure_reconstructed(name, embeddings, embeddings @ back, found))
        return cls(fidelity, tuple(controls))

    def measure(self, model: Autoencoder) -> Measured:
        """Measure a model, wherever its weights lie."""
        embeddings, reconstructed = _encode(model, self.fidelity.vectors)
        corpus = None if self.fidelity.corpus is None else _encode(model, self.fidelity.corpus)[0]
        return self.fidelity.measure_reconstructed(MODEL, embeddings, reconstructed, corpus)


def _encode(model: Autoencoder, vectors: Array) -> tuple[Array, Array]:
    """Embeddings (rows, dim) and reconstructions (rows, width), a chunk at a time."""
    device = next(model.parameters()).device
    parts = []
    with torch.no_grad():
        for chunk in torch.split(torch.from_numpy(vectors), 2048):
            parts.append([part.cpu().numpy() for part in model(chunk.to(device))])
    embeddings, reconstructed = zip(*parts, strict=True)
    return np.concatenate(embeddings), np.concatenate(reconstructed)


def has_collapsed(row: FidelityRow) -> bool:
    """True where unrelated vectors came out alike: random pairs lost half of their distance from cosine 1."""
    spread = 1 - row.mean_cosine
    return not spread >= _LEAST_SPREAD * (1 - row.mean_cosine_before)  # true for NaN


def verdict(model: Measured, controls: tuple[Measured, ...]) -> str:
    """One sentence: where the model stands beside PCA, with the 95 % interval of the difference."""
    pca = next(item for item in controls if item.row.method == PCA)
    low, high = (100 * bound for bound in difference_interval(model.recall_per_vector, pca.recall_per_vector))
    recalls = f"recall@{NEIGHBOURS} {model.row.recall:.3f} beside PCA's {pca.row.recall:.3f}"
    figures = f"{recalls}, {low:+.1f} to {high:+.1f} points"
    if low > 0:
        return f"Better than PCA: {figures} (95 % interval)."
    if high < 0:
        return f"WORSE than PCA: {figures} (95 % interval). Use PCA, or train longer or on more vectors."
    return f"No better than PCA: {figures} (95 % interval). PCA does as well here."
