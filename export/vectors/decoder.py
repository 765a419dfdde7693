"""The decoder's graph: embeddings back to vectors, one product and unit length."""

import onnx
from onnx import TensorProto

from linguagen.export.graph.builder import Builder
from linguagen.export.vectors.graph import finish_graph, rows_input, unit_length
from linguagen.models.manifests.decoder import DECODER_INPUT, DECODER_OUTPUT
from linguagen.runtime.vectors import Array


def build_decoder(weights: Array, precision: str) -> onnx.ModelProto:
    """Build the graph.

    Args:
        weights: (dim, width), which multiply embeddings from the right.
        precision: `float32`, `float16` or `int8`: how weights are stored; products are in float32.
    """
    dim, width = weights.shape
    build = Builder(half=precision == "float16")
    weight = build.int8_weight("decoder", weights) if precision == "int8" else build.weight("decoder", weights)
    rows = build.node("MatMul", [DECODER_INPUT, weight], "linear")
    unit_length(build, rows, width, DECODER_OUTPUT)
    return finish_graph(build, rows_input(DECODER_INPUT, dim), [(DECODER_OUTPUT, TensorProto.FLOAT, width)])
