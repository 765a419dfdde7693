"""TensorBoard: every loss term, and the model's fidelity with the controls drawn beside it."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from linguagen.runtime.measure.fidelity import NEIGHBOURS, Measured

FIGURES = {
    f"recall at {NEIGHBOURS}": "recall",
    "pair correlation": "pair_correlation",
    "pair error": "pair_error",
    "reconstruction cosine": "reconstruction",
    "mean cosine (collapse)": "mean_cosine",
}


class Tracker:
    """Writes the scalars of a run."""

    def __init__(self, path: Path, controls: tuple[Measured, ...], done: int) -> None:
        """Open the log.

        Args:
            path: its folder.
            controls: drawn as level lines beside the model.
            done: steps already in the log; later ones in it, from before a kill, are hidden.
        """
        self._writer = SummaryWriter(str(path), purge_step=done + 1 if done else None)
        self._controls = controls

    def __enter__(self) -> "Tracker":
        return self

    def step(self, step: int, terms: Mapping[str, Tensor], learning_rate: float, model: Measured) -> None:
        """Write the scalars of one validation."""
        for name, term in terms.items():
            self._writer.add_scalar(f"loss/{name}", term.item(), step)
        self._writer.add_scalar("learning rate", learning_rate, step)
        for title, figure in FIGURES.items():
            lines = {item.row.method: getattr(item.row, figure) for item in (model, *self._controls)}
            for method, value in lines.items():
                self._writer.add_scalar(f"{title}/{method}", value, step)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
