"""From a finished run on text to a file: build, check, publish; a file that fails the gate is never left behind."""

import base64
import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from linguagen.export.request import ExportRequest, check_output
from linguagen.export.text.card import render_text_card
from linguagen.export.text.graph import build_text_graph
from linguagen.export.vectors.graph import with_manifest
from linguagen.export.vectors.verify import MOST_DIFFERENCE, require, require_unit_length
from linguagen.models.errors import ExportGateError, LinguaGenError, UsageError
from linguagen.models.manifests.text import TOKENIZER_KEY, TextManifest
from linguagen.runtime.encoders.text_encoder import TextEncoder as Runtime
from linguagen.runtime.measure.fidelity import NEIGHBOURS, nearest_neighbours, recall_per_row
from linguagen.runtime.text.tokenizer import pad
from linguagen.runtime.vectors import Array
from linguagen.train.text.finished import FinishedTextRun

LEAST_COSINE = 0.99
"""Mean cosine of int8 embeddings with PyTorch's."""
LEAST_RECALL = {"float32": 0.99, "float16": 0.98, "int8": 0.9}
"""recall@10: share of PyTorch's nearest neighbours among the samples that are the file's too."""

_RECORDED = ("collection", "batch", "learning_rate", "token_dropout", "misspelt", "start_share", "seed")
"""Settings of a run that its file's manifest holds."""


@dataclass(frozen=True)
class ExportedText:
    """What was written."""

    path: Path
    card: Path
    manifest: TextManifest
    size: int


def export_text_run(run: FinishedTextRun, request: ExportRequest, output: Path) -> ExportedText:
    """Write a run on text as a model file, its tokenizer inside, with its card beside it.

    Args:
        run: a finished run.
        request: what is wanted; codes and decoders are for vectors.
        output: the .onnx file; replaced only by a file that passed the gate.

    Raises:
        UsageError: the output is not an .onnx file in a folder that exists, or something that text models do not have.
        ExportGateError: the file does not do what the encoder does; nothing is written.
    """
    check_output(output)
    if request.codes or request.decoder:
        raise UsageError("--codes and --decoder are for models of vectors; leave them out for a run on text")
    graph = build_text_graph(run.network, request.precision)
    manifest = _manifest(run, request)
    extra = {TOKENIZER_KEY: base64.b64encode(run.tokenizer.model).decode()}
    with TemporaryDirectory(dir=output.parent, prefix=f".{output.stem}.") as folder:
        partial = Path(folder) / "model.onnx"
        partial.write_bytes(with_manifest(graph, manifest, extra)[0])
        data, manifest = with_manifest(
            graph, replace(manifest, parity=verify_text(partial, run, request.precision)), extra
        )
        partial.write_bytes(data)
        partial.replace(output)
    card = output.with_suffix(".md")
    card.write_text(render_text_card(manifest, len(data)), encoding="utf-8")
    return ExportedText(output, card, manifest, len(data))


def verify_text(path: Path, run: FinishedTextRun, precision: str) -> dict[str, float]:
    """Compare a written file with the encoder it came from, through the runtime that users run.

    Names and shapes are checked when the file is loaded; then values (float files) or cosines (int8), unit length,
    independence of the batch and of padding, and recall.

    Args:
        path: the file.
        run: where it came from.
        precision: `float32`, `float16` or `int8`.

    Returns:
        What was measured, for the manifest.

    Raises:
        ExportGateError: by what differs.
    """
    texts = run.samples
    try:
        runtime = Runtime.load(path, device="cpu")
        given = runtime.embed(texts)  # (texts, dim)
        alone = np.concatenate([runtime.embed(text) for text in texts[:20]])
    except LinguaGenError as error:
        raise ExportGateError(f"the exported file does not run: {error}") from error
    wanted = _encoded(run, texts)
    difference = float(np.abs(given - wanted).max())
    cosine = float((given * wanted).sum(axis=1).mean())
    if precision == "int8":
        require(
            cosine >= LEAST_COSINE,
            f"int8 embeddings have mean cosine {cosine:.4f} with PyTorch's, at least {LEAST_COSINE} is asked; "
            "export with --quantize fp16",
        )
    else:
        require(
            difference <= MOST_DIFFERENCE[precision],
            f"{precision} values differ from PyTorch's by up to {difference:.2e}, "
            f"allowed are {MOST_DIFFERENCE[precision]:.0e}",
        )
    require_unit_length(given)
    apart = float(np.abs(alone - given[: len(alone)]).max())
    require(apart <= 1e-5, f"a text alone and in a batch give embeddings {apart:.2e} apart, allowed are 1e-05")
    recall = _agreement(wanted, given)
    require(
        recall >= LEAST_RECALL[precision],
        f"{precision} keeps {recall:.3f} of PyTorch's {NEIGHBOURS} nearest neighbours, at least "
        f"{LEAST_RECALL[precision]} is asked; export with --quantize none",
    )
    return {"max_abs_difference": difference, "mean_cosine": cosine, "recall": recall, "texts": len(texts)}


def _agreement(wanted: Array, given: Array) -> float:
    exact = nearest_neighbours(wanted, NEIGHBOURS)
    return float(recall_per_row(exact, nearest_neighbours(given, NEIGHBOURS)).mean())


def _encoded(run: FinishedTextRun, texts: tuple[str, ...]) -> Array:
    """Embeddings of PyTorch's encoder, text by text, so that no padding is in them."""
    tokens = run.tokenizer.encode(texts)
    with torch.no_grad():
        rows = [run.network(torch.from_numpy(pad([each])).long()) for each in tokens]
    return np.asarray(torch.cat(rows).numpy())


def _manifest(run: FinishedTextRun, request: ExportRequest) -> TextManifest:
    config = run.config
    return TextManifest(
        name=request.name or run.name,
        pieces=run.tokenizer.pieces,
        output_dim=config.encoder.dim,
        precision=request.precision,
        teacher=Path(config.targets).name,
        tokenizer_sha256=hashlib.sha256(run.tokenizer.model).hexdigest(),
        sources=request.sources,
        training={
            "started_from": Path(config.init).name,
            **run.summary,
            **asdict(config.encoder),
            **asdict(config.objective),
            **{name: getattr(config, name) for name in _RECORDED},
            "steps": config.training_steps,
        },
        figures=run.figures,
    )
