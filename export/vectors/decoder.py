"""The graph of a decoder: from embeddings back to vectors by one product, scaled to unit length."""

import onnx
from onnx import TensorProto

from linguagen.export.graph.builder import Builder
from linguagen.export.graph.model import finish_graph, rows_input
from linguagen.export.graph.nodes import unit_length
from linguagen.models.manifests.decoder import DECODER_INPUT, DECODER_OUTPUT
from linguagen.runtime.vectors import Array


def build_decoder(weights: Array, precision: str) -> onnx.ModelProto:
    """Build the graph of a decoder.

    Args:
        weights: (dim, width), which multiply embeddings (n, dim) from the right.
        precision: how weights are stored: `float32`, `float16` or `int8`; products are in float32.
    """
    dim, width = weights.shape
    build = Builder(half=precision == "float16")
    weight = build.int8_weight("decoder", weights) if precision == "int8" else build.weight("decoder", weights)
    rows = build.node("MatMul", [DECODER_INPUT, weight], "linear")
    unit_length(build, rows, width, DECODER_OUTPUT)
    return finish_graph(build, rows_input(DECODER_INPUT, dim), [(DECODER_OUTPUT, TensorProto.FLOAT, width)])
