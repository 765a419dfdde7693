"""The export gate: the file, run by the runtime that users run, must do what the trained encoder does."""

from pathlib import Path

import numpy as np
import torch

from linguagen.models.errors import ExportGateError, LinguaGenError
from linguagen.runtime.compressor import Compressor
from linguagen.runtime.fidelity import NEIGHBOURS, nearest_neighbours, recall_per_row
from linguagen.runtime.vectors import Array
from linguagen.train.model import VectorEncoder

MOST_DIFFERENCE = {"float32": 1e-5, "float16": 2e-3}
"""Largest difference of any number from PyTorch's."""
MOST_RECALL_LOSS = 0.003
"""Of recall@10, against PyTorch: 0.3 points."""


def verify(path: Path, encoder: VectorEncoder, vectors: Array, precision: str) -> dict[str, float]:
    """Compare a written file with the encoder it came from.

    Names and shapes are checked when the file is loaded; then values (float files), unit length, independence of the
    batch, and recall.

    Args:
        path: the file.
        encoder: in PyTorch.
        vectors: real ones (rows, width), unit length.
        precision: `float32`, `float16` or `int8`.

    Returns:
        What was measured, for the manifest.

    Raises:
        ExportGateError: by what differs.
    """
    try:
        compressor = Compressor.load(path, device="cpu")
        given = compressor.compress(vectors)  # (rows, dim)
    except LinguaGenError as error:
        raise ExportGateError(f"the exported file does not run: {error}") from error
    with torch.no_grad():
        wanted = encoder(torch.from_numpy(vectors)).numpy()
    difference = float(np.abs(given - wanted).max())
    _require(
        precision == "int8" or difference <= MOST_DIFFERENCE[precision],
        f"{precision} values differ from PyTorch's by up to {difference:.2e}, "
        f"allowed are {MOST_DIFFERENCE.get(precision, 0):.0e}",
    )
    length = float(np.abs(np.linalg.norm(given, axis=1) - 1).max())
    _require(length <= 1e-5, f"embeddings are off unit length by up to {length:.2e}, allowed are 1e-05")
    alone = compressor.compress(vectors[:1])
    # int8 products are exact; the float remainder may be summed in another order for another batch size.
    _require(bool(np.abs(alone - given[:1]).max() <= 1e-5), "a row alone and in a batch give different embeddings")
    loss = _recall_loss(vectors, wanted, given)
    _require(
        loss <= MOST_RECALL_LOSS,
        f"{precision} loses {100 * loss:.2f} points of recall@{NEIGHBOURS} against PyTorch, allowed are "
        f"{100 * MOST_RECALL_LOSS:.2f}; export with --quantize none, or train on more vectors",
    )
    return {"max_abs_difference": difference, "recall_loss": loss, "rows": len(vectors)}


def _recall_loss(vectors: Array, wanted: Array, given: Array) -> float:
    exact = nearest_neighbours(vectors, NEIGHBOURS)
    before, after = (recall_per_row(exact, nearest_neighbours(each, NEIGHBOURS)).mean() for each in (wanted, given))
    return float(before - after)


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise ExportGateError(f"the exported file was not written: {problem}")
