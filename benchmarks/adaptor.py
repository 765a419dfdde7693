"""Matryoshka-Adaptor, the unsupervised kind, from its paper (arXiv 2407.20243, section 3), as a peer for the tables.

f(x) = x + MLP(x), trained so that the first dimensions of f(x) keep the cosines of x: between random pairs and to the
nearest of a batch, and with a term that holds f(x) near x. Embeddings are the first dimensions of f(x).
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

PREFIXES = (64, 128, 256, 512)
TOP_K, BATCH, STEPS, RATE = 10, 512, 400, 1e-3
RECONSTRUCTION = 1.0


class Adaptor(nn.Module):
    """f(x) = x + MLP(x), which starts as f(x) = x."""

    def __init__(self, width: int, hidden: int = 1024) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, hidden), nn.Linear(hidden, width)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (rows, width) to (rows, width)."""
        added: torch.Tensor = self.outer(F.gelu(self.inner(x)))
        return x + added


def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Change of the cosines of a batch x (rows, width) in its adapted y, over all prefixes, and y's distance to x."""
    expected = x @ x.T  # (rows, rows)
    nearest = expected.fill_diagonal_(-2.0).topk(TOP_K, dim=1)
    total: torch.Tensor = RECONSTRUCTION * (y - x).abs().sum(dim=1).mean() / x.shape[1] ** 0.5
    itself = torch.eye(len(x), dtype=torch.bool)
    for prefix in PREFIXES:
        z = F.normalize(y[:, :prefix], dim=1)
        actual = z @ z.T  # (rows, rows)
        total = total + F.l1_loss(actual.gather(1, nearest.indices), nearest.values)
        total = total + (actual - expected).masked_fill(itself, 0.0).abs().mean()
    return total


def train_adaptor(rows: np.ndarray, steps: int = STEPS) -> Adaptor:
    """Train an adaptor on rows (n, width), without labels."""
    torch.manual_seed(0)
    model, generator = Adaptor(rows.shape[1]), np.random.default_rng(0)
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        x = torch.from_numpy(rows[generator.choice(len(rows), min(BATCH, len(rows)), replace=False)])
        optimiser.zero_grad()
        torch.autograd.backward(loss(x, model(x)))
        optimiser.step()
        schedule.step()
    return model


def embed(model: Adaptor, rows: np.ndarray, dim: int) -> np.ndarray:
    """The first `dim` dimensions of rows (n, width), each scaled to length 1: (n, dim)."""
    with torch.no_grad():
        return np.asarray(F.normalize(model(torch.from_numpy(rows))[:, :dim], dim=1).numpy())
