"""The loss terms.

The target of each is the teacher's own vectors, which training never changes: an objective that trains its target too
collapses (docs/decisions/target.md).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linguagen.train.network.losses import neighbourhood
from linguagen.train.vectors.config import ObjectiveConfig

TOP_K = 10


class Objective(nn.Module):
    """The weighted terms of a configuration."""

    def __init__(self, config: ObjectiveConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, x: Tensor, z: Tensor, reconstruction: Tensor) -> dict[str, Tensor]:
        """Every term with a weight above 0, weighted.

        Args:
            x: vectors (batch, width), unit length.
            z: their embeddings (batch, dim), unit length.
            reconstruction: (batch, width), any length.
        """
        config, terms = self.config, {}
        teacher, student = x @ x.T, z @ z.T  # (batch, batch) cosines
        if config.neighbourhood:
            terms["neighbourhood"] = config.neighbourhood * neighbourhood(teacher, student, config.temperature)
        if config.half:
            terms["half"] = config.half * neighbourhood(teacher, _half_cosines(z), config.temperature)
        if config.pairwise:
            terms["pairwise"] = config.pairwise * pairwise(teacher, student)
        if config.top_k:
            terms["top_k"] = config.top_k * top_k(teacher, student)
        if config.cosine:
            terms["cosine"] = config.cosine * cosine(x, reconstruction)
        return terms


def _half_cosines(z: Tensor) -> Tensor:
    """Cosines (batch, batch) of the first half of the dimensions alone, as in Matryoshka representation learning.

    Kusupati et al., arXiv 2205.13147, section 3.
    """
    first = F.normalize(z[:, : z.shape[1] // 2], dim=1)  # (batch, dim / 2)
    return first @ first.T


def pairwise(teacher: Tensor, student: Tensor) -> Tensor:
    """Mean squared change of all cosines (batch, batch).

    The pairwise term of Matryoshka-Adaptor (arXiv 2407.20243, section 3.2), squared. It stops the neighbourhood term
    from letting all cosines drift up together.
    """
    return F.mse_loss(student, teacher)


def top_k(teacher: Tensor, student: Tensor) -> Tensor:
    """Mean absolute change of the cosines to the TOP_K nearest in the batch (arXiv 2407.20243, section 3.2)."""
    itself = torch.eye(len(teacher), dtype=torch.bool, device=teacher.device)
    nearest = teacher.masked_fill(itself, -2.0).topk(TOP_K, dim=1)
    return F.l1_loss(student.gather(1, nearest.indices), nearest.values)


def cosine(x: Tensor, reconstruction: Tensor) -> Tensor:
    """1 - cosine between vectors and reconstructions (batch, width): nothing is won by making all embeddings alike."""
    return 1 - F.cosine_similarity(reconstruction, x, dim=1).mean()


def without_subspace(x: Tensor, directions: Tensor, strength: float) -> Tensor:
    """Vectors (batch, width) with the span of some others weakened, back at unit length: like rows of a new origin.

    What two texts share with a random handful of others is taken out, so the encoder has to keep the rest too.

    Args:
        x: (batch, width).
        directions: (count, width), count below both batch and width.
        strength: how much of the span is removed, from 0 to 1.
    """
    gram = directions @ directions.T  # (count, count)
    ridge = 1e-4 * torch.eye(len(gram), device=x.device)
    coefficients = torch.linalg.solve(gram + ridge, directions @ x.T)  # (count, batch)
    return F.normalize(x - strength * coefficients.T @ directions, dim=1)
