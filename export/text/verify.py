"""The export gate of text models."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from linguagen.export.gate import mean_recall, must_run, require, require_embeddings
from linguagen.runtime.encoders.text_encoder import TextEncoder
from linguagen.runtime.measure.fidelity import NEIGHBOURS, nearest_neighbours
from linguagen.runtime.text.tokenizer import pad
from linguagen.runtime.vectors import Array
from linguagen.train.text.finished import FinishedTextRun

LEAST_COSINE = 0.99
"""Mean cosine of int8 embeddings with PyTorch's."""
LEAST_RECALL = {"float32": 0.99, "float16": 0.98, "int8": 0.9}
"""recall@10 by precision: share of PyTorch's nearest neighbours that are nearest for the file too."""
_ALONE = 20
"""Texts that are also embedded one by one."""


def verify(path: Path, run: FinishedTextRun, precision: str) -> dict[str, float]:
    """Compare the file of a text model with the encoder in PyTorch.

    Loading checks names and shapes; then come values (cosines for int8), unit length, independence of the batch and
    of padding, and recall.

    Args:
        path: the file.
        run: the finished run that it is made from.
        precision: `float32`, `float16` or `int8`.

    Returns:
        What was measured, for the manifest.

    Raises:
        ExportGateError: a check fails.
    """
    texts = run.samples
    with must_run("file"):
        encoder = TextEncoder.load(path, device="cpu", engine="onnxruntime")
        actual = encoder.embed(texts)  # (texts, dim)
        alone = np.concatenate([encoder.embed(text) for text in texts[:_ALONE]])
    expected = encode(run, texts)
    cosine = float((actual * expected).sum(axis=1).mean())
    require(
        precision != "int8" or cosine >= LEAST_COSINE,
        f"int8 embeddings have mean cosine {cosine:.4f} with PyTorch's, expected at least {LEAST_COSINE}; "
        "export with --quantize fp16",
    )
    difference = require_embeddings(actual, expected, alone, precision, "text")
    recall = mean_recall(nearest_neighbours(expected, NEIGHBOURS), actual)
    require(
        recall >= LEAST_RECALL[precision],
        f"{precision} keeps {recall:.3f} of PyTorch's {NEIGHBOURS} nearest neighbours, expected at least "
        f"{LEAST_RECALL[precision]}; export with --quantize none",
    )
    return {"max_abs_difference": difference, "mean_cosine": cosine, "recall": recall, "texts": len(texts)}


def encode(run: FinishedTextRun, texts: Sequence[str]) -> Array:
    """Embeddings (texts, dim) from PyTorch, each text alone, so that there is no padding."""
    tokens = run.tokenizer.tokenize(texts)
    with torch.no_grad():
        rows = [run.network(torch.from_numpy(pad([each])).long()) for each in tokens]
    return np.asarray(torch.cat(rows).numpy())
