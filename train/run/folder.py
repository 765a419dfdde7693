"""A training run on disk: written so that a kill at any moment leaves something to go on from.

::

    runs/NAME/
        config.json        the settings, written first
        checkpoint.pt      weights, optimiser and step of the last checkpoint, replaced whole
        finished.json      the fidelity table and how training went; its presence means the run is finished
        statistics.npz     mean and second moment of the training rows
        calibration.npy    training rows that int8 ranges are set on
        validation.npy     held-out rows that the export gate measures on
        tensorboard/
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
import torch

from linguagen.models.errors import RunFolderError, UsageError
from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.models.manifests.vectors import FidelityRow
from linguagen.runtime.vectors import Array
from linguagen.runtime.writing.whole_file import replace_file
from linguagen.train.vectors.config import RunConfig
from linguagen.train.vectors.network import VectorNetwork

RUNS = Path("runs")


class Settings(Protocol):
    """Of a run on vectors or on text."""

    def to_json(self) -> str:
        """Write as JSON text."""
        ...


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run."""

    path: Path

    @property
    def config(self) -> Path:
        """Settings."""
        return self.path / "config.json"

    @property
    def checkpoint(self) -> Path:
        """Last checkpoint."""
        return self.path / "checkpoint.pt"

    @property
    def finished(self) -> Path:
        """Result of a finished run."""
        return self.path / "finished.json"

    def read_config(self) -> RunConfig:
        """The run's settings.

        Raises:
            RunFolderError: there are none, or they are another version's.
        """
        if not self.config.is_file():
            raise RunFolderError(f"{self.path} is not a training run (no config.json); make one with lg-train")
        return RunConfig.from_json(self.config.read_text(encoding="utf-8"), str(self.config))

    def write_config(self, config: Settings) -> None:
        """Start the run's folder."""
        self.path.mkdir(parents=True, exist_ok=True)
        replace_file(self.config, lambda file: file.write(config.to_json().encode()))

    def require_new(self) -> None:
        """Refuse a folder that holds a run.

        Raises:
            UsageError: it does.
        """
        if self.config.exists():
            raise UsageError(f"{self.path} already holds a run; go on with --resume, or choose another --out")

    def require_resumable(self, recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        """Refuse to go on with a finished run, or with other settings than it was made with.

        Args:
            recorded: the run's settings, by bare name.
            asked: those asked for now.

        Raises:
            RunFolderError: one of the two.
        """
        for name, value in asked.items():
            if name not in recorded or value != recorded[name]:
                raise RunFolderError(
                    f"{self.path} was made with {name} {recorded.get(name, 'not set')}, not {value}; "
                    "resume it without that option, or start a new run without --resume"
                )
        if self.finished.exists():
            raise RunFolderError(f"{self.path} is finished; export it with lg-export {self.path}, or start a new run")

    def write_arrays(self, statistics: TeacherStatistics, calibration: Array, validation: Array) -> None:
        """Keep what the exporter needs of the data: statistics, and rows (rows, width) in half precision."""
        arrays = {name: getattr(statistics, name) for name in ("mean", "eigenvalues", "eigenvectors", "residual")}
        replace_file(self.path / "statistics.npz", lambda file: np.savez(file, **arrays))
        for name, rows in (("calibration", calibration), ("validation", validation)):
            half = rows.astype(np.float16)
            replace_file(self.path / f"{name}.npy", lambda file, half=half: np.save(file, half))  # type: ignore[misc]

    def read_checkpoint(self) -> dict[str, Any]:
        """The last checkpoint.

        Raises:
            RunFolderError: there is none, or it cannot be read.
        """
        try:
            state: dict[str, Any] = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except FileNotFoundError as error:
            raise RunFolderError(f"{self.path} has no checkpoint yet; train again without --resume") from error
        except Exception as error:  # torch.load's errors share no base class
            raise RunFolderError(f"{self.checkpoint} cannot be read ({str(error)[:120]}); train again") from error
        return state

    def write_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Replace the last checkpoint."""
        replace_file(self.checkpoint, lambda file: torch.save(dict(state), file))

    def save(self, parts: Mapping[str, Any], step: int) -> None:
        """Replace the last checkpoint by the state of parts that have a `state_dict`, and the steps done."""
        self.write_checkpoint({"step": step, **{name: part.state_dict() for name, part in parts.items()}})

    def restore(self, parts: Mapping[str, Any]) -> int:
        """Load the last checkpoint, if there is one, into the parts; returns the steps done.

        Raises:
            RunFolderError: it cannot be read, or lacks a part.
        """
        if not self.checkpoint.is_file():
            return 0
        saved = self.read_checkpoint()
        if missing := parts.keys() - saved.keys():
            raise RunFolderError(
                f"{self.checkpoint} holds no {min(missing)}: it is another version's; finish it with that version, or "
                "start a new run"
            )
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        return int(saved["step"])


class Stopwatch:
    """Seconds that a run takes, as a part of its checkpoints: those before a kill count too."""

    def __init__(self) -> None:
        """Start."""
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Taken so far."""
        return time.monotonic() - self._began

    def state_dict(self) -> dict[str, float]:
        """For a checkpoint."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """From a checkpoint: its seconds come before those of this process."""
        self._began -= state["seconds"]


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """All that an exporter needs of a run."""

    name: str
    config: RunConfig
    encoder: VectorNetwork
    decoder: Array  # (dim, width)
    statistics: TeacherStatistics
    calibration: Array  # (rows, width), unit length
    validation: Array  # (rows, width), unit length
    fidelity: tuple[FidelityRow, ...]
    summary: Mapping[str, Any]
    """Rows, sources, seconds and steps, as `finished.json` holds them."""


def latest_run(root: Path = RUNS) -> Path:
    """The run folder whose settings were written last.

    Raises:
        RunFolderError: there is none.
    """
    found = sorted(root.glob("*/config.json"), key=lambda path: path.stat().st_mtime_ns)
    if not found:
        raise RunFolderError(f"no training run below {root.resolve()}; make one with lg-train, or name its folder")
    return found[-1].parent


def free_run(name: str, root: Path = RUNS) -> Path:
    """`runs/NAME`, or the first of `runs/NAME-2`, `runs/NAME-3` ... that does not exist yet."""
    path, number = root / name, 2
    while path.exists():
        path, number = root / f"{name}-{number}", number + 1
    return path


def load_run(path: Path) -> FinishedRun:
    """Read a finished run.

    Raises:
        RunFolderError: no run, not finished, or damaged.
    """
    folder = RunFolder(path)
    config = folder.read_config()
    if not folder.finished.is_file():
        raise RunFolderError(f"{path} is not finished; go on with: lg-train --resume --out {path}")
    try:
        summary = json.loads(folder.finished.read_text(encoding="utf-8"))
        fidelity = tuple(FidelityRow(**row) for row in summary.pop("fidelity"))
        with (path / "statistics.npz").open("rb") as file, np.load(file) as arrays:
            statistics = TeacherStatistics(**arrays)
        calibration, validation = (_unit(np.load(path / f"{name}.npy")) for name in ("calibration", "validation"))
        state = folder.read_checkpoint()["model"]
        encoder = VectorNetwork(calibration.shape[1], config.encoder)
        prefix = "encoder."
        encoder.load_state_dict(
            {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        )
        decoder = np.ascontiguousarray(state["decoder.weight"].numpy().T, dtype=np.float32)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, BadZipFile) as error:
        raise RunFolderError(f"{path} cannot be read ({str(error)[:160]}); train again") from error
    return FinishedRun(
        path.name, config, encoder.eval(), decoder, statistics, calibration, validation, fidelity, summary
    )


def _unit(rows: Array) -> Array:
    wide = rows.astype(np.float32)
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True), dtype=np.float32)
