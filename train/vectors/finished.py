"""A finished run on vectors.

Its folder holds what every run's folder does (`train/run/folder.py`), and::

    statistics.npz     mean and second moment of the training rows
    calibration.npy    training rows that int8 ranges are set on
    validation.npy     held-out rows that the export gate measures on
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.models.manifests.vectors import FidelityRow
from linguagen.runtime.vectors import Array
from linguagen.runtime.writing.whole_file import replace_file
from linguagen.train.run.checkpoint import read_checkpoint
from linguagen.train.run.finished import FinishedRun, read_finished
from linguagen.train.run.folder import RunFolder
from linguagen.train.vectors.config import VectorRunConfig
from linguagen.train.vectors.network import Autoencoder, VectorNetwork


@dataclass(frozen=True, eq=False)
class FinishedVectorRun(FinishedRun[VectorRunConfig, VectorNetwork]):
    """All that an exporter needs of a run on vectors."""

    decoder: Array  # (dim, width)
    statistics: TeacherStatistics
    calibration: Array  # (rows, width), unit length
    validation: Array  # (rows, width), unit length
    fidelity: tuple[FidelityRow, ...]


def write_arrays(folder: RunFolder, statistics: TeacherStatistics, calibration: Array, validation: Array) -> None:
    """Keep what the exporter needs of the data: statistics, and rows (rows, width) in half precision."""
    arrays = {name: getattr(statistics, name) for name in ("mean", "eigenvalues", "eigenvectors", "residual")}
    replace_file(folder.path / "statistics.npz", lambda file: np.savez(file, **arrays))
    for name, rows in (("calibration", calibration), ("validation", validation)):
        half = rows.astype(np.float16)
        replace_file(folder.path / f"{name}.npy", lambda file, half=half: np.save(file, half))  # type: ignore[misc]


def load_finished(path: Path) -> FinishedVectorRun:
    """Read a finished run on vectors.

    Raises:
        RunFolderError: no run, of another kind, not finished, or damaged.
    """
    return read_finished(path, VectorRunConfig, _read)


def _read(folder: RunFolder, config: VectorRunConfig, summary: dict[str, Any]) -> FinishedVectorRun:
    """Everything but the settings, from the run's folder and its summary."""
    with (folder.path / "statistics.npz").open("rb") as file, np.load(file) as arrays:
        statistics = TeacherStatistics(**arrays)
    calibration, validation = (_unit(np.load(folder.path / f"{name}.npy")) for name in ("calibration", "validation"))
    model = Autoencoder(VectorNetwork(calibration.shape[1], config.encoder))
    model.load_state_dict(read_checkpoint(folder)["model"])
    decoder = np.ascontiguousarray(model.decoder.weight.detach().numpy().T, dtype=np.float32)
    fidelity = tuple(FidelityRow(**row) for row in summary.pop("fidelity"))
    network = model.encoder.eval()
    return FinishedVectorRun(
        folder.path.name, config, network, summary, decoder, statistics, calibration, validation, fidelity
    )


def _unit(rows: Array) -> Array:
    """Rows (rows, width) in float32, scaled to length 1: half precision changes their lengths a little."""
    wide = rows.astype(np.float32)
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True), dtype=np.float32)
