"""A finished run: what every kind of run gives an exporter, and how it is read."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar
from zipfile import BadZipFile

from torch import nn

from linguagen.models.errors import LinguaGenError, RunFolderError
from linguagen.train.run.folder import Config, RunFolder

Network = TypeVar("Network", bound=nn.Module)
Run = TypeVar("Run", bound="FinishedRun[Any, Any]")


@dataclass(frozen=True, eq=False)
class FinishedRun(Generic[Config, Network]):
    """What an exporter needs of a run, whatever its kind."""

    name: str
    config: Config
    network: Network
    """With its trained weights, in evaluation mode."""
    summary: Mapping[str, Any]
    """How training went, as `finished.json` holds it."""

    @property
    def kind(self) -> str:
        """The kind of run, as in `train/kinds.py`."""
        return self.config.kind


def read_finished(path: Path, settings: type[Config], read: Callable[[RunFolder, Config, dict[str, Any]], Run]) -> Run:
    """Read a finished run.

    Args:
        path: the run's folder.
        settings: the class of its settings.
        read: reads the rest, from the folder, the settings and the summary.

    Raises:
        RunFolderError: no run, of another kind, not finished, or damaged.
    """
    folder = RunFolder(path)
    config = folder.read_config(settings)
    if not folder.finished.is_file():
        raise RunFolderError(f"{path} is not finished; continue it with: lg-train {config.kind} --resume --out {path}")
    try:
        return read(folder, config, json.loads(folder.finished.read_text(encoding="utf-8")))
    except RunFolderError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, BadZipFile, LinguaGenError) as error:
        raise RunFolderError(f"{path} cannot be read ({str(error)[:160]}); train again") from error
