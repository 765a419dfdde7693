"""From a finished run to a file: build, check, publish; a file that fails the gate is never left behind."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from linguagen.export.card import render_card
from linguagen.export.fold import fold
from linguagen.export.graph import build_graph, with_manifest
from linguagen.export.quantize import Calibration, calibrate
from linguagen.export.verify import verify
from linguagen.models.embedding_moments import EmbeddingMoments
from linguagen.models.errors import UsageError
from linguagen.models.manifest import Manifest
from linguagen.runtime.vectors import Array
from linguagen.train.checkpoint import FinishedRun
from linguagen.train.model import VectorEncoder

_GATE_ROWS = 1000
PRECISIONS = {"none": "float32", "fp16": "float16", "int8": "int8"}


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    card: Path
    manifest: Manifest
    size: int


def export_run(run: FinishedRun, quantization: str, output: Path, name: str | None = None) -> Exported:
    """Write a run as a model file, with its card beside it.

    Args:
        run: a finished run.
        quantization: `none`, `fp16` or `int8`.
        output: the .onnx file; replaced only by a file that passed the gate.
        name: what the model calls itself; the run's name by default.

    Raises:
        UsageError: no such quantization, or the output is not an .onnx file in a folder that exists.
        ExportGateError: the file does not do what the encoder does; nothing is written.
    """
    if quantization not in PRECISIONS:
        raise UsageError(f"--quantize is {quantization!r}, expected one of {', '.join(PRECISIONS)}")
    if output.suffix != ".onnx" or not output.parent.is_dir():
        raise UsageError(f"cannot write {output}: expected a file ending in .onnx in a folder that exists")
    precision = PRECISIONS[quantization]
    calibration = calibrate(run.calibration) if precision == "int8" else None
    model = build_graph(fold(run.encoder), calibration, half=precision == "float16")
    with TemporaryDirectory(dir=output.parent, prefix=f".{output.stem}.") as folder:
        partial = Path(folder) / "model.onnx"
        partial.write_bytes(with_manifest(model, _manifest(run, name, precision, {}, calibration)))
        parity = verify(partial, run.encoder, _gate_rows(run), precision)
        manifest = _manifest(run, name, precision, parity, calibration)
        partial.write_bytes(with_manifest(model, manifest))
        size, card = partial.stat().st_size, output.with_suffix(".md")
        partial.replace(output)
    card.write_text(render_card(manifest, size), encoding="utf-8")
    return Exported(output, card, manifest, size)


def _encoded(encoder: VectorEncoder, vectors: Array) -> Array:
    with torch.no_grad():
        return np.asarray(encoder(torch.from_numpy(vectors)).numpy())


def _gate_rows(run: FinishedRun) -> Array:
    """The held-out rows, joined by training rows where they are too few to tell 0.3 points from chance.

    The gate compares a file with its own encoder, so that training rows tell as much as held-out ones.
    """
    if len(run.validation) >= _GATE_ROWS:
        return run.validation
    return np.concatenate([run.validation, run.calibration])[:_GATE_ROWS]


def _manifest(
    run: FinishedRun,
    name: str | None,
    precision: str,
    parity: Mapping[str, float],
    calibration: Calibration | None,
) -> Manifest:
    kind = "sources" if run.summary["validation_by_source"] else "rows"
    return Manifest(
        name=name or run.name,
        teacher=run.config.teacher,
        input_dim=run.encoder.width,
        output_dim=run.encoder.config.dim,
        precision=precision,
        statistics=run.statistics,
        embedding_moments=EmbeddingMoments.of(_encoded(run.encoder, run.calibration)),
        training={
            "rows": run.summary["training_rows"],
            "seed": run.config.seed,
            **{
                key: value
                for part in ("encoder", "objective", "optimiser")
                for key, value in asdict(getattr(run.config, part)).items()
            },
        },
        fidelity=run.fidelity,
        fidelity_set=f"{run.summary['validation_rows']} vectors of {kind} held out of training",
        parity=parity,
        calibration=asdict(calibration) if calibration else {},
    )
