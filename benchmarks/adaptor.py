"""Matryoshka-Adaptor, the unsupervised kind, from its paper (arXiv 2407.20243, section 3), as a peer for the tables.

f(x) = x + MLP(x), trained so that the first dimensions of f(x) keep the cosines of x: between random pairs, to the nearest
of a batch, and with a term that holds f(x) near x. Embeddings are the first dimensions of f(x).
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

PREFIXES = (64, 128, 256, 512)
TOP_K, BATCH, STEPS, RATE = 10, 512, 400, 1e-3
RECONSTRUCTION = 1.0


class Adaptor(nn.Module):
    def __init__(self, width: int, hidden: int = 1024) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, hidden), nn.Linear(hidden, width)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.outer(F.gelu(self.inner(x)))


def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    wanted = x @ x.T
    nearest = wanted.fill_diagonal_(-2.0).topk(TOP_K, dim=1)
    total = RECONSTRUCTION * (y - x).abs().sum(dim=1).mean() / x.shape[1] ** 0.5
    itself = torch.eye(len(x), dtype=torch.bool)
    for prefix in PREFIXES:
        z = F.normalize(y[:, :prefix], dim=1)
        found = z @ z.T
        total = total + F.l1_loss(found.gather(1, nearest.indices), nearest.values)
        total = total + (found - wanted).masked_fill(itself, 0.0).abs().mean()
    return total


def train_adaptor(rows: np.ndarray, steps: int = STEPS) -> Adaptor:
    torch.manual_seed(0)
    model, generator = Adaptor(rows.shape[1]), np.random.default_rng(0)
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        x = torch.from_numpy(rows[generator.choice(len(rows), min(BATCH, len(rows)), replace=False)])
        optimiser.zero_grad()
        loss(x, model(x)).backward()
        optimiser.step()
        schedule.step()
    return model


def embed(model: Adaptor, rows: np.ndarray, dim: int) -> np.ndarray:
    with torch.no_grad():
        return F.normalize(model(torch.from_numpy(rows))[:, :dim], dim=1).numpy()
