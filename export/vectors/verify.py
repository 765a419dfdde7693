"""The export gate: the file, run by the runtime that users run, must do what the trained encoder does."""

from pathlib import Path

import numpy as np
import torch

from linguagen.models.errors import ExportGateError, LinguaGenError
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.encoders.expander import Expander
from linguagen.runtime.measure.fidelity import NEIGHBOURS, nearest_neighbours, recall_per_row, reconstruction_cosine
from linguagen.runtime.vectors import Array
from linguagen.train.vectors.network import VectorNetwork

MOST_DIFFERENCE = {"float32": 1e-5, "float16": 2e-3}
"""Largest difference of any number from PyTorch's."""
LEAST_EQUAL_CODES = 0.999
LEAST_DECODER_COSINE = 0.9999
MOST_RECALL_LOSS = 0.003
"""Of recall@10, against PyTorch: 0.3 points."""


def verify(path: Path, encoder: VectorNetwork, vectors: Array, precision: str) -> dict[str, float]:
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
    require(
        precision == "int8" or difference <= MOST_DIFFERENCE[precision],
        f"{precision} values differ from PyTorch's by up to {difference:.2e}, "
        f"allowed are {MOST_DIFFERENCE.get(precision, 0):.0e}",
    )
    require_unit_length(given)
    alone = compressor.compress(vectors[:1])
    # int8 products are exact; the float remainder may be summed in another order for another batch size.
    require(bool(np.abs(alone - given[:1]).max() <= 1e-5), "a row alone and in a batch give different embeddings")
    if compressor.manifest.codes:
        _verify_codes(compressor, vectors, given)
    loss = _recall_loss(vectors, wanted, given)
    require(
        loss <= MOST_RECALL_LOSS,
        f"{precision} loses {100 * loss:.2f} points of recall@{NEIGHBOURS} against PyTorch, allowed are "
        f"{100 * MOST_RECALL_LOSS:.2f}; export with --quantize none, or train on more vectors",
    )
    return {"max_abs_difference": difference, "recall_loss": loss, "rows": len(vectors)}


def verify_decoder(model: Path, weights: Array, vectors: Array, held_out: Array) -> float:
    """Compare a decoder's file with the matrix it came from, on the embeddings of the model beside it.

    Args:
        model: the checked model file; its decoder lies beside it.
        weights: (dim, width), in PyTorch.
        vectors: (rows, width), unit length.
        held_out: (others, width), unit length, for the figure.

    Returns:
        Mean cosine between held-out vectors and their reconstructions.

    Raises:
        ExportGateError: by what differs.
    """
    try:
        compressor, expander = Compressor.load(model, device="cpu"), Expander.load(model, device="cpu")
        embeddings = compressor.compress(vectors)
        given = expander.expand(embeddings)  # (rows, width)
    except LinguaGenError as error:
        raise ExportGateError(f"the exported decoder does not run: {error}") from error
    cosine = reconstruction_cosine(given, embeddings @ weights)
    require(
        cosine >= LEAST_DECODER_COSINE,
        f"the decoder's vectors have cosine {cosine:.6f} with PyTorch's, at least {LEAST_DECODER_COSINE} is asked",
    )
    return reconstruction_cosine(held_out, expander.expand(compressor.compress(held_out)))


def _verify_codes(compressor: Compressor, vectors: Array, embeddings: Array) -> None:
    wanted = compressor.codec(**compressor.manifest.codes).encode(embeddings)
    equal = float((compressor.graph_codes(vectors) == wanted).mean())
    # A value on the edge between two levels may fall to either side: graph and numpy round products differently.
    require(
        equal >= LEAST_EQUAL_CODES,
        f"{equal:.2%} of the graph's codes are those of the runtime, at least {LEAST_EQUAL_CODES:.1%} is asked",
    )


def _recall_loss(vectors: Array, wanted: Array, given: Array) -> float:
    exact = nearest_neighbours(vectors, NEIGHBOURS)
    before, after = (recall_per_row(exact, nearest_neighbours(each, NEIGHBOURS)).mean() for each in (wanted, given))
    return float(before - after)


def require_unit_length(embeddings: Array) -> None:
    """Fail the gate unless all rows (rows, dim) are of length 1.

    Raises:
        ExportGateError: one is not.
    """
    length = float(np.abs(np.linalg.norm(embeddings, axis=1) - 1).max())
    require(length <= 1e-5, f"embeddings are off unit length by up to {length:.2e}, allowed are 1e-05")


def require(holds: bool, problem: str) -> None:
    """Fail the gate unless something holds.

    Raises:
        ExportGateError: it does not.
    """
    if not holds:
        raise ExportGateError(f"the exported file was not written: {problem}")
