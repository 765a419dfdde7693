"""From a finished run to a file: build, check, publish; a file that fails the gate is never left behind."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from linguagen.export.graph.integers import Calibration, calibrate
from linguagen.export.request import ExportRequest, check_output
from linguagen.export.vectors.card import render_card
from linguagen.export.vectors.decoder import build_decoder
from linguagen.export.vectors.fold import fold
from linguagen.export.vectors.graph import build_graph, with_manifest
from linguagen.export.vectors.verify import verify, verify_decoder
from linguagen.models.manifests.decoder import DecoderManifest
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.manifests.vectors import Manifest
from linguagen.models.model_file import decoder_path
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.vectors import Array
from linguagen.train.vectors.finished import FinishedVectorRun
from linguagen.train.vectors.network import VectorNetwork

_GATE_ROWS = 1000


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    card: Path
    manifest: Manifest
    size: int
    decoder: DecoderManifest | None
    """Of the decoder's file; None where none was asked for."""


def export_run(run: FinishedVectorRun, request: ExportRequest, output: Path) -> Exported:
    """Write a run as a model file, with its card beside it.

    Args:
        run: a finished run.
        request: what is wanted.
        output: the .onnx file; replaced only by a file that passed the gate.

    Raises:
        UsageError: the output is not an .onnx file in a folder that exists, or codes that do not fit.
        ExportGateError: the file does not do what the encoder does; nothing is written.
    """
    check_output(output)
    precision, moments = request.precision, EmbeddingMoments.of(_encoded(run.network, run.calibration))
    calibration = calibrate(run.calibration) if precision == "int8" else None
    dim = run.network.config.dim
    # Codes as a reader of the file will make them, whose covariance is in half precision.
    stored = EmbeddingMoments.from_document(moments.to_document())
    codec = Codec.make(request.codes, request.codes_dim or dim, stored) if request.codes else None
    model = build_graph(fold(run.network), calibration, half=precision == "float16", codec=codec)
    manifest = _manifest(run, request, moments, calibration)
    with TemporaryDirectory(dir=output.parent, prefix=f".{output.stem}.") as folder:
        partial = Path(folder) / "model.onnx"
        partial.write_bytes(with_manifest(model, manifest)[0])
        parity = verify(partial, run.network, _gate_rows(run), precision)
        data, manifest = with_manifest(model, replace(manifest, parity=parity))
        partial.write_bytes(data)
        decoder = _write_decoder(run, manifest, partial) if request.decoder else None
        card = output.with_suffix(".md")
        partial.replace(output)
        if decoder:
            decoder_path(partial).replace(decoder_path(output))
    card.write_text(render_card(manifest, len(data)), encoding="utf-8")
    return Exported(output, card, manifest, len(data), decoder)


def _write_decoder(run: FinishedVectorRun, encoder: Manifest, model: Path) -> DecoderManifest:
    """Write the decoder beside the checked model, measure both together, and write what was measured."""
    graph, rows = build_decoder(run.decoder, encoder.precision), _gate_rows(run)
    manifest = DecoderManifest(
        name=encoder.name,
        teacher=encoder.teacher,
        input_dim=encoder.output_dim,
        output_dim=encoder.input_dim,
        precision=encoder.precision,
        encoder_sha256=encoder.graph_sha256,
        reconstruction=0.0,
        reconstruction_set=encoder.fidelity_set,
    )
    path = decoder_path(model)
    path.write_bytes(with_manifest(graph, manifest)[0])
    reconstruction = verify_decoder(model, run.decoder, rows, run.validation)
    data, manifest = with_manifest(graph, replace(manifest, reconstruction=reconstruction))
    path.write_bytes(data)
    return manifest


def _encoded(encoder: VectorNetwork, vectors: Array) -> Array:
    with torch.no_grad():
        return np.asarray(encoder(torch.from_numpy(vectors)).numpy())


def _gate_rows(run: FinishedVectorRun) -> Array:
    """The held-out rows, joined by training rows where they are too few to tell 0.3 points from chance.

    The gate compares a file with its own encoder, so that training rows tell as much as held-out ones.
    """
    if len(run.validation) >= _GATE_ROWS:
        return run.validation
    return np.concatenate([run.validation, run.calibration])[:_GATE_ROWS]


def _manifest(
    run: FinishedVectorRun, request: ExportRequest, moments: EmbeddingMoments, calibration: Calibration | None
) -> Manifest:
    kind = "sources" if run.summary["validation_by_origin"] else "rows"
    dim = run.network.config.dim
    return Manifest(
        name=request.name or run.name,
        teacher=run.config.teacher,
        input_dim=run.network.width,
        output_dim=dim,
        precision=request.precision,
        statistics=run.statistics,
        embedding_moments=moments,
        training={
            "rows": run.summary["training_rows"],
            "seed": run.config.seed,
            **{
                key: value
                for part in ("encoder", "objective", "optimiser")
                for key, value in asdict(getattr(run.config, part)).items()
            },
            "steps": run.config.training_steps,
        },
        fidelity=run.fidelity,
        fidelity_set=f"{run.summary['validation_rows']} vectors of {kind} held out of training",
        calibration=asdict(calibration) if calibration else {},
        codes={"kind": request.codes, "dim": request.codes_dim or dim} if request.codes else {},
    )
