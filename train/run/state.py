"""What changes from step to step: the parts of a checkpoint."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from linguagen.train.run import checkpoint
from linguagen.train.run.checkpoint import Part
from linguagen.train.run.folder import RunFolder


class Stopwatch:
    """Seconds that a run takes; those before a kill count too."""

    def __init__(self, began: float | None = None) -> None:
        """Start now, or at an earlier time of the monotonic clock."""
        self._began = time.monotonic() if began is None else began

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._began

    def state_dict(self) -> dict[str, float]:
        """The seconds, for a checkpoint."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Add the seconds of a checkpoint to those of this process."""
        self._began -= state["seconds"]


class RandomState:
    """Torch's random numbers on the CPU, so that a resumed run draws what an unbroken one would."""

    def state_dict(self) -> dict[str, Tensor]:
        """The generator's state, for a checkpoint."""
        return {"cpu": torch.get_rng_state()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Set the generator to the state of a checkpoint."""
        torch.set_rng_state(state["cpu"])


@dataclass(eq=False)
class State:
    """A run between two steps."""

    model: nn.Module
    objective: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    stopwatch: Stopwatch
    step: int = 0
    """Steps done."""

    @classmethod
    def start(
        cls,
        model: nn.Module,
        objective: nn.Module,
        optimiser: torch.optim.Optimizer,
        steps: int,
        stopwatch: Stopwatch,
    ) -> "State":
        """The state before the first step; the learning rate falls to 0 by a cosine over the steps."""
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        return cls(model, objective, optimiser, schedule, stopwatch)

    def restore(self, folder: RunFolder) -> None:
        """Return to the folder's last checkpoint, if it has one."""
        self.step = checkpoint.restore(folder, self._parts())

    def save(self, folder: RunFolder) -> None:
        """Replace the folder's last checkpoint."""
        checkpoint.save(folder, self._parts(), self.step)

    def _parts(self) -> dict[str, Part]:
        """What a checkpoint holds, by name."""
        return {
            "model": self.model,
            "objective": self.objective,
            "optimiser": self.optimiser,
            "schedule": self.schedule,
            "stopwatch": self.stopwatch,
            "random": RandomState(),
        }
