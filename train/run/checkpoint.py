"""The last checkpoint of a run: the states of parts that have a `state_dict`, in one file that is replaced whole."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch

from linguagen.models.errors import RunFolderError
from linguagen.runtime.writing.whole_file import replace_file
from linguagen.train.run.folder import RunFolder


class Part(Protocol):
    """Something that changes from step to step: a model, an optimiser, a stopwatch."""

    def state_dict(self) -> Any:
        """What a checkpoint holds."""

    def load_state_dict(self, state: Any, /) -> Any:
        """Return to what a checkpoint held."""


def read_checkpoint(folder: RunFolder) -> dict[str, Any]:
    """The last checkpoint: the number of steps done as `step`, and the state of every part by name.

    Raises:
        RunFolderError: there is none, or it cannot be read.
    """
    try:
        state: dict[str, Any] = torch.load(folder.checkpoint, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise RunFolderError(f"{folder.path} has no checkpoint yet; train again without --resume") from error
    except Exception as error:  # torch.load's errors share no base class
        raise RunFolderError(f"{folder.checkpoint} cannot be read ({str(error)[:120]}); train again") from error
    return state


def save(folder: RunFolder, parts: Mapping[str, Part], step: int) -> None:
    """Replace the last checkpoint by the state of the parts after `step` steps."""
    state = {"step": step, **{name: part.state_dict() for name, part in parts.items()}}
    replace_file(folder.checkpoint, lambda file: torch.save(state, file))


def restore(folder: RunFolder, parts: Mapping[str, Part]) -> int:
    """Load the last checkpoint, if there is one, into the parts; returns the number of steps done.

    Raises:
        RunFolderError: it cannot be read, or lacks a part.
    """
    if not folder.checkpoint.is_file():
        return 0
    saved = read_checkpoint(folder)
    if missing := parts.keys() - saved.keys():
        raise RunFolderError(
            f"{folder.checkpoint} holds no {min(missing)}: another version wrote it; finish the run with that version, "
            "or start a new run"
        )
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return int(saved["step"])
