"""From a finished run on vectors to a model file."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from linguagen.export.graph.integers import Calibration, calibrate
from linguagen.export.publish import Draft, Exported
from linguagen.export.request import ExportRequest
from linguagen.export.vectors.decoder import build_decoder
from linguagen.export.vectors.fold import fold
from linguagen.export.vectors.graph import build_graph
from linguagen.export.vectors.verify import encode, verify, verify_decoder
from linguagen.models.manifests.decoder import DecoderManifest
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.manifests.vectors import GraphCodes, Manifest
from linguagen.models.model_file import decoder_path
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.vectors import Array
from linguagen.train.vectors.finished import FinishedVectorRun

_GATE_ROWS = 1000
"""With fewer rows, a loss of 0.3 points of recall could be chance."""


def make_drafts(
    run: FinishedVectorRun, request: ExportRequest
) -> tuple[Draft[Manifest], Callable[[Manifest, Path], Draft[DecoderManifest]] | None]:
    """The model of a run on vectors, and what makes its decoder; None if no decoder is asked for.

    Raises:
        UsageError: codes do not fit.
    """
    rows = _gate_rows(run)
    moments = EmbeddingMoments.of(encode(run.network, run.calibration))
    calibration = calibrate(run.calibration) if request.precision == "int8" else None
    codec = _codec(request, run.network.config.dim, moments)
    model = Draft(
        build_graph(fold(run.network), calibration, half=request.precision == "float16", codec=codec),
        _manifest(run, request, moments, calibration, codec),
        lambda path: {"parity": verify(path, run.network, rows, request.precision)},
    )
    return model, partial(_draft_decoder, run, rows) if request.decoder else None


def summarise(run: FinishedVectorRun, exported: Exported[Manifest]) -> list[str]:
    """What the gate found, and how to use the file: lines for the terminal."""
    parity, decoder = exported.manifest.parity, exported.decoder
    lines = [
        f"checked on {parity['rows']} vectors: values within {parity['max_abs_difference']:.1e} of PyTorch, "
        f"recall@10 {-100 * parity['recall_loss']:+.2f} points; {exported.size / 1e6:.1f} MB"
    ]
    if decoder:
        lines.append(
            f"decoder {decoder_path(exported.path)}: reconstruction cosine {decoder.reconstruction:.3f} on "
            f"{decoder.reconstruction_set}"
        )
    return [*lines, f"next: lg-run compress {run.config.inputs[0]} --model {exported.path}"]


def _codec(request: ExportRequest, dim: int, moments: EmbeddingMoments) -> Codec | None:
    """The codec whose codes the graph makes, if any.

    Readers of the file scale codes by the moments that it stores, whose covariance is in half precision.

    Raises:
        UsageError: there are no such codes, or not of this width.
    """
    if request.codes is None:
        return None
    stored = EmbeddingMoments.from_document(moments.to_document())
    return Codec.make(request.codes, request.codes_dim or dim, stored)


def _draft_decoder(run: FinishedVectorRun, rows: Array, encoder: Manifest, model: Path) -> Draft[DecoderManifest]:
    """The decoder of a model that was written and checked.

    Args:
        run: where both come from.
        rows: vectors (rows, width), unit length, that the gate compares on.
        encoder: the manifest of the model.
        model: path of the model.
    """
    manifest = DecoderManifest(
        name=encoder.name,
        teacher=encoder.teacher,
        input_dim=encoder.output_dim,
        output_dim=encoder.input_dim,
        precision=encoder.precision,
        encoder_sha256=encoder.file_sha256,
        reconstruction=0.0,
        reconstruction_set=encoder.fidelity_set,
    )
    return Draft(
        build_decoder(run.decoder, encoder.precision),
        manifest,
        lambda _: {"reconstruction": verify_decoder(model, run.decoder, rows, run.validation)},
    )


def _gate_rows(run: FinishedVectorRun) -> Array:
    """The vectors (rows, width) that the gate compares on: those held out and, if they are few, training vectors too.

    The gate compares a file with its own encoder, so training vectors serve as well as others.
    """
    if len(run.validation) >= _GATE_ROWS:
        return run.validation
    return np.concatenate([run.validation, run.calibration])[:_GATE_ROWS]


def _manifest(
    run: FinishedVectorRun,
    request: ExportRequest,
    moments: EmbeddingMoments,
    calibration: Calibration | None,
    codec: Codec | None,
) -> Manifest:
    """The manifest before the gate has measured anything."""
    config = run.config
    return Manifest(
        name=request.name or run.name,
        teacher=config.teacher,
        input_dim=run.network.width,
        output_dim=run.network.config.dim,
        precision=request.precision,
        statistics=run.statistics,
        embedding_moments=moments,
        training=_training(run),
        fidelity=run.fidelity,
        fidelity_set=_fidelity_set(run),
        calibration=asdict(calibration) if calibration else {},
        codes=GraphCodes(codec.kind, codec.dim) if codec else None,
    )


def _training(run: FinishedVectorRun) -> dict[str, Any]:
    """How the weights came about, for the manifest."""
    config = run.config
    shape = {"rows": run.summary["training_rows"], "seed": config.seed, **asdict(config.encoder)}
    if config.init:
        return {**shape, "init": config.init, **run.summary["recipe"]}
    return {**shape, **asdict(config.objective), **asdict(config.optimiser), "steps": config.training_steps}


def _fidelity_set(run: FinishedVectorRun) -> str:
    """The vectors that the fidelity was measured on, in words."""
    rows = run.summary["validation_rows"]
    if run.config.init:
        return (
            f"{rows} queries held out of the fits that are measured, while the file's own weights are fitted to all "
            f"{run.summary['training_rows']} vectors"
        )
    return f"{rows} vectors of {'sources' if run.summary['validation_by_origin'] else 'rows'} held out of training"
