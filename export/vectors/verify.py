"""The export gate of vector models and of their decoders."""

from pathlib import Path

import numpy as np
import torch

from linguagen.export.gate import mean_recall, must_run, require, require_embeddings
from linguagen.models.manifests.vectors import GraphCodes
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.encoders.expander import Expander
from linguagen.runtime.measure.fidelity import NEIGHBOURS, nearest_neighbours, reconstruction_cosine
from linguagen.runtime.vectors import Array
from linguagen.train.vectors.network import VectorNetwork

LEAST_EQUAL_CODES = 0.999
"""Share of the graph's codes that are the runtime's too."""
LEAST_DECODER_COSINE = 0.9999
"""Mean cosine of the decoder's vectors with PyTorch's."""
MOST_RECALL_LOSS = 0.003
"""recall@10 that a file may lose against PyTorch."""


def verify(path: Path, encoder: VectorNetwork, vectors: Array, precision: str) -> dict[str, float]:
    """Compare the file of a vector model with the encoder in PyTorch.

    Loading checks names and shapes; then come values, unit length, independence of the batch, codes and recall.

    Args:
        path: the file.
        encoder: the trained encoder.
        vectors: real vectors (rows, width), unit length.
        precision: `float32`, `float16` or `int8`.

    Returns:
        What was measured, for the manifest.

    Raises:
        ExportGateError: a check fails.
    """
    with must_run("file"):
        compressor = Compressor.load(path, device="cpu", engine="onnxruntime")
        actual, alone = compressor.compress(vectors), compressor.compress(vectors[:1])  # (rows, dim), (1, dim)
    expected = encode(encoder, vectors)
    difference = require_embeddings(actual, expected, alone, precision, "row")
    if compressor.manifest.codes:
        _require_codes(compressor, compressor.manifest.codes, vectors, actual)
    exact = nearest_neighbours(vectors, NEIGHBOURS)
    loss = mean_recall(exact, expected) - mean_recall(exact, actual)
    require(
        loss <= MOST_RECALL_LOSS,
        f"{precision} loses {100 * loss:.2f} points of recall@{NEIGHBOURS} against PyTorch, allowed are "
        f"{100 * MOST_RECALL_LOSS:.2f}; export with --quantize none, or train on more vectors",
    )
    return {"max_abs_difference": difference, "recall_loss": loss, "rows": len(vectors)}


def verify_decoder(model: Path, weights: Array, vectors: Array, held_out: Array) -> float:
    """Compare the file of a decoder with its weights in PyTorch, on embeddings of its model.

    Args:
        model: the file of the model; its decoder is next to it.
        weights: the decoder's weights (dim, width).
        vectors: real vectors (rows, width), unit length, to compare on.
        held_out: vectors (others, width), unit length, to measure reconstruction on.

    Returns:
        Mean cosine between held-out vectors and their reconstructions.

    Raises:
        ExportGateError: the decoder does not run, or its vectors differ.
    """
    with must_run("decoder"):
        compressor, expander = Compressor.load(model, device="cpu"), Expander.load(model, device="cpu")
        embeddings = compressor.compress(vectors)
        actual = expander.expand(embeddings)  # (rows, width)
        reconstructed = expander.expand(compressor.compress(held_out))  # (others, width)
    cosine = reconstruction_cosine(actual, embeddings @ weights)
    require(
        cosine >= LEAST_DECODER_COSINE,
        f"the decoder's vectors have cosine {cosine:.6f} with PyTorch's, expected at least {LEAST_DECODER_COSINE}",
    )
    return reconstruction_cosine(held_out, reconstructed)


def encode(encoder: VectorNetwork, vectors: Array) -> Array:
    """Embeddings (rows, dim) of vectors (rows, width), from PyTorch."""
    with torch.no_grad():
        return np.asarray(encoder(torch.from_numpy(vectors)).numpy())


def _require_codes(compressor: Compressor, codes: GraphCodes, vectors: Array, embeddings: Array) -> None:
    """Check the graph's codes of vectors (rows, width) by the runtime's codes of their embeddings (rows, dim).

    Raises:
        ExportGateError: too few are equal.
    """
    expected = compressor.codec(codes.kind, codes.dim).encode(embeddings)
    equal = float((compressor.graph_codes(vectors) == expected).mean())
    # A value halfway between two levels may get either code: graph and numpy round products differently.
    require(
        equal >= LEAST_EQUAL_CODES,
        f"{equal:.2%} of the graph's codes are the runtime's, expected at least {LEAST_EQUAL_CODES:.1%}",
    )
