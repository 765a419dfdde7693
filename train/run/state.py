"""What changes from step to step, and the best of it."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from linguagen.models.errors import TrainingError
from linguagen.train.run.folder import RunFolder, Stopwatch
from linguagen.train.vectors.config import OptimiserConfig, RunConfig
from linguagen.train.vectors.network import Autoencoder

_SAVED = ("model", "objective", "optimiser", "schedule", "best", "stopwatch")


@dataclass(eq=False)
class Best:
    """The weights of highest recall on the queries that choose, the closed form being the first."""

    patience: int
    """Validations without a better one before training stops."""
    recall: float = -1.0
    step: int = 0
    worse: int = 0
    """Validations since the best one."""
    weights: dict[str, Tensor] = field(default_factory=dict)

    def offer(self, recall: float, step: int, model: nn.Module) -> None:
        """Keep the model's weights if they are the best so far."""
        self.worse += 1
        if recall > self.recall:
            self.recall, self.step, self.worse = recall, step, 0
            self.weights = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}

    @property
    def exhausted(self) -> bool:
        """True when training should stop."""
        return self.worse >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {name: getattr(self, name) for name in ("recall", "step", "worse", "weights")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        for name, value in state.items():
            setattr(self, name, value)


@dataclass(frozen=True, eq=False)
class State:
    """Everything that a checkpoint holds."""

    model: Autoencoder
    objective: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    best: Best
    stopwatch: Stopwatch

    @classmethod
    def start(cls, config: RunConfig, model: Autoencoder, objective: nn.Module, stopwatch: Stopwatch) -> "State":
        """The state before the first step."""
        optimiser = _optimiser(config.optimiser, model, objective)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.optimiser.steps)
        return cls(model, objective, optimiser, schedule, Best(config.optimiser.patience), stopwatch)

    def losses(self, wrapped: nn.Module, x: Tensor, step: int) -> dict[str, Tensor]:
        """Loss terms of a batch (batch, width), their gradients left on the model.

        Raises:
            TrainingError: the loss is no longer finite.
        """
        terms: dict[str, Tensor] = self.objective(x, *wrapped(x))
        loss = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(loss):
            raise TrainingError(f"the loss is {loss.item()} at step {step}; train with a smaller --learning-rate")
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        return terms

    def step(self, wrapped: nn.Module, x: Tensor, step: int) -> dict[str, Tensor]:
        """One step of the optimiser on a batch (batch, width); returns the loss terms."""
        terms = self.losses(wrapped, x, step)
        self.optimiser.step()
        self.schedule.step()
        return terms

    def restore(self, folder: RunFolder) -> int:
        """Go back to the folder's checkpoint, if it has one; returns the steps already done."""
        return folder.restore(self._parts())

    def save(self, folder: RunFolder, step: int) -> None:
        """Replace the folder's checkpoint."""
        folder.save(self._parts(), step)

    def _parts(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _SAVED}


def _optimiser(config: OptimiserConfig, model: Autoencoder, objective: nn.Module) -> torch.optim.Optimizer:
    blocks = list(model.encoder.directions.parameters())
    of_blocks = {id(parameter) for parameter in blocks}
    linear = [parameter for parameter in model.parameters() if id(parameter) not in of_blocks]
    groups = [{"params": [*linear, *objective.parameters()], "lr": config.learning_rate}]
    if blocks:
        groups.append({"params": blocks, "lr": config.block_learning_rate})
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay)
