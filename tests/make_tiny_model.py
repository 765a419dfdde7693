"""Make the tiny real run and model that the tests use: 48 -> 8, trained and exported by the real commands' code.

python tests/make_tiny_model.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np

from linguagen.export.kinds import export_run
from linguagen.export.request import ExportRequest
from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.vectors.closed_form import gather_moments
from linguagen.train.vectors.config import VectorRunConfig
from linguagen.train.vectors.finished import load_finished
from linguagen.train.vectors.loop import train

WIDTH, DIM = 48, 8
SETTINGS = {
    "dim": DIM,
    "segments": 6,
    "hidden": 3,
    "steps": 60,
    "batch": 64,
    "subspace_rows": 4,
    "evaluate_every": 20,
    "teacher": "tiny-teacher",
}


def tiny_vectors(rows: int, seed: int) -> np.ndarray:
    """Unit vectors (rows, WIDTH) with a mean, a falling spectrum and groups of neighbours."""
    basis = np.linalg.qr(np.random.default_rng(99).standard_normal((WIDTH, WIDTH)))[0] * np.linspace(1.5, 0.1, WIDTH)
    generator = np.random.default_rng(seed)
    groups = generator.standard_normal((rows // 10 + 1, WIDTH)).repeat(10, axis=0)[:rows]
    vectors = (groups + 0.7 * generator.standard_normal((rows, WIDTH))) @ basis.T + 0.5 * basis[:, 0]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def statistics_of(vectors: np.ndarray, rank: int) -> TeacherStatistics:
    """Statistics of vectors (rows, width), as a model file carries them."""
    return TeacherStatistics.from_moments(*gather_moments([vectors], vectors.shape[1]), rank)


def tiny_config(inputs: tuple[str, ...], **changes: object) -> VectorRunConfig:
    """Settings of a run that takes a second."""
    return VectorRunConfig.from_flat({**SETTINGS, "inputs": inputs, **changes})


def make_run(folder: Path, **changes: object) -> Path:
    """Train on 600 tiny vectors; returns the run's folder."""
    np.save(folder / "tiny.npy", tiny_vectors(600, seed=1))
    run = RunFolder(folder / "runs" / "tiny")
    config = tiny_config((str(folder / "tiny.npy"),), **changes)
    run.write_config(config)
    train(config, run, Processes())
    return run.path


def make_models(folder: Path) -> dict[str, Path]:
    """Train, and export in every precision; each with its decoder."""
    run = load_finished(make_run(folder))
    return {
        kind: export_run(run, ExportRequest(kind, decoder=True), folder / f"tiny-{kind}.onnx").path
        for kind in ("none", "fp16", "int8")
    }


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for kind, path in make_models(target).items():
        print(f"{kind}: {path}")
