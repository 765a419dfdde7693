"""How the map of one corpus is made: a closed form or a model's own map, then a few steps of training."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from linguagen.models.errors import TrainingError
from linguagen.runtime.vectors import Array, Indices
from linguagen.train.vectors.blend import Blends
from linguagen.train.vectors.closed_form import gather_moments
from linguagen.train.vectors.config import ObjectiveConfig, OptimiserConfig
from linguagen.train.vectors.data import Corpus, moment_rows
from linguagen.train.vectors.model_file import Start
from linguagen.train.vectors.objectives import Objective
from linguagen.train.vectors.step import draw_batch

_RATE = 3e-4
"""Learning rate: at 1e-3 a small corpus loses what it knows of later documents (docs/decisions/fitting.md)."""
_OBJECTIVE = ObjectiveConfig(temperature=0.02, cosine=0.0)
BATCHES = OptimiserConfig(batch=512, subspace_rows=0)
"""A batch of 512 keeps as much as 1,024 at a quarter of the products of rows (docs/decisions/fitting.md)."""


@dataclass(frozen=True)
class Recipe:
    """One way to make the map of a corpus."""

    share: float | None
    """The teacher's share in the second moment whose main axes are taken; None to take the starting model's map."""
    steps: int = 0
    """Training steps after that."""

    def __str__(self) -> str:
        """The recipe in words."""
        if self.share is None:
            words = "the map of the starting model"
        else:
            words = f"main axes of {1 - self.share:.0%} corpus and {self.share:.0%} teacher"
        return f"{words}, {self.steps} training steps" if self.steps else words


KEEP = Recipe(None)
"""The starting model as it is."""


@dataclass(frozen=True, eq=False)
class Fitter:
    """Follows recipes on parts of a corpus."""

    corpus: Corpus
    start: Start
    seed: int
    device: torch.device
    batches: OptimiserConfig = BATCHES
    """How a batch of training is drawn."""

    def blends(self, numbers: Indices) -> Blends:
        """The closed forms of the rows of these numbers (count,)."""
        chunks = self.corpus.chunks(moment_rows(numbers, self.seed))
        moment = gather_moments(chunks, self.corpus.width)[1]
        return Blends(moment, self.start.statistics, self.start.dim)

    def fit(self, recipe: Recipe, numbers: Indices, blends: Blends | None = None) -> Array:
        """The map (width, dim) that a recipe makes of some rows.

        Args:
            recipe: to follow.
            numbers: of the rows, (count,).
            blends: closed forms of these rows, if they are known already.

        Raises:
            TrainingError: the loss is no longer finite.
        """
        if recipe.share is None:
            projection = self.start.projection
        else:
            projection = (blends or self.blends(numbers)).projection(recipe.share)
        return self._train(projection, numbers, recipe.steps) if recipe.steps else projection

    def _train(self, projection: Array, numbers: Indices, steps: int) -> Array:
        """A map (width, dim) after this many steps on the rows of these numbers (count,)."""
        weight = torch.from_numpy(projection).to(self.device).clone().requires_grad_()
        optimiser = torch.optim.AdamW([weight], lr=_RATE, weight_decay=self.batches.weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        objective = Objective(_OBJECTIVE)
        for step in range(steps):
            x = draw_batch(self.corpus, numbers, self.batches, (self.seed, step), self.device)  # (batch, width)
            loss = torch.stack(list(objective(x, F.normalize(x @ weight, dim=1), x).values())).sum()
            if not torch.isfinite(loss):
                raise TrainingError(f"the loss is {loss.item()} at step {step}; use the starting model as it is")
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        return np.asarray(weight.detach().cpu().numpy())
