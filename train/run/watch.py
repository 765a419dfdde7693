"""What happens at a validation: measure, track in TensorBoard, checkpoint."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from torch.utils.tensorboard import SummaryWriter

from linguagen.train.run.folder import RunFolder
from linguagen.train.run.state import State

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Validation(Generic[Result]):
    """What one validation finds."""

    result: Result
    """The figures as the kind of run reports them."""
    scalars: Mapping[str, float]
    """The figures for TensorBoard, by title."""


class Watch(AbstractContextManager["Watch[Result]"], Generic[Result]):
    """Validations of a run; only the leading process has one."""

    def __init__(self, folder: RunFolder, state: State, measure: Callable[[], Validation[Result]]) -> None:
        """Open the log; steps in it that come after the state's, from before a kill, are hidden."""
        self._folder, self._state, self._measure = folder, state, measure
        self._log = SummaryWriter(str(folder.tensorboard), purge_step=state.step + 1 if state.step else None)

    def look(self, scalars: Mapping[str, float]) -> Result:
        """Validate the state, and track these scalars of its last step next to what validation finds."""
        state, found = self._state, self._measure()
        for name, value in {**scalars, **found.scalars}.items():
            self._log.add_scalar(name, value, state.step)
        state.save(self._folder)
        return found.result

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.close()
