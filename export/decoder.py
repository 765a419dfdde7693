"""The decoder's graph: embeddings back to vectors, one product and unit length."""

import numpy as np
import onnx
from onnx import TensorProto

from linguagen.export.builder import Builder
from linguagen.export.graph import finish_graph, unit_length
from linguagen.export.quantize import round_columns
from linguagen.models.manifest import DECODER_INPUT, DECODER_OUTPUT
from linguagen.runtime.vectors import Array


def build_decoder(weights: Array, precision: str) -> onnx.ModelProto:
    """Build the graph.

    Args:
        weights: (dim, width), which multiply embeddings from the right.
        precision: `float32`, `float16` or `int8`: how weights are stored; products are in float32.
    """
    dim, width = weights.shape
    build = Builder(half=precision == "float16")
    if precision == "int8":
        integers, scales = round_columns(weights)
        parts = [
            build.constant("decoder_int8", integers),
            build.constant("decoder_scale", scales),
            build.constant("decoder_zero", np.zeros(len(scales), np.int8)),
        ]
        weight = build.node("DequantizeLinear", parts, "decoder", axis=1)
    else:
        weight = build.weight("decoder", weights)
    rows = build.node("MatMul", [DECODER_INPUT, weight], "linear")
    unit_length(build, rows, width, DECODER_OUTPUT)
    return finish_graph(build, (DECODER_INPUT, dim), [(DECODER_OUTPUT, TensorProto.FLOAT, width)])
