"""The graph of a vector model: one wide product, the gates, one small product, unit length.

The shape of this graph is what makes it fast, so it is written out node by node: onnxruntime fuses the product into
one integer kernel, the head and the skip into one Gemm, and the scaling to unit length into one pass.
"""

import numpy as np
import onnx
from onnx import TensorProto

from linguagen.export.graph.builder import Builder
from linguagen.export.graph.integers import SEVEN_BITS, Calibration
from linguagen.export.graph.model import finish_graph, rows_input
from linguagen.export.graph.nodes import bilinear_gate, unit_length
from linguagen.export.vectors.code_nodes import add_codes
from linguagen.export.vectors.fold import FoldedEncoder
from linguagen.models.manifests.vectors import CODES_NAME, INPUT_NAME, OUTPUT_NAME
from linguagen.runtime.codes.codec import Codec


def build_graph(
    folded: FoldedEncoder, calibration: Calibration | None = None, half: bool = False, codec: Codec | None = None
) -> onnx.ModelProto:
    """Build the graph of a vector model.

    Args:
        folded: the encoder's matrices.
        calibration: rounds the wide product to int8; None for a float graph.
        half: whether weights are stored in half precision.
        codec: makes the second output `codes`; None for no such output.
    """
    build = Builder(half)
    if calibration is None:
        rows = build.node("MatMul", [INPUT_NAME, build.weight("linear_weight", folded.linear)], "linear")
    else:
        rows = _int8_linear(build, folded, calibration)  # (n, dim + 3 * units)
    if folded.units:
        rows = _bilinear(build, folded, rows)  # (n, dim)
    unit_length(build, rows, folded.dim, OUTPUT_NAME)
    outputs: list[tuple[str, int, int]] = [(OUTPUT_NAME, TensorProto.FLOAT, folded.dim)]
    if codec is not None:
        outputs.append((CODES_NAME, add_codes(build, codec, folded.dim), codec.columns))
    return finish_graph(build, rows_input(INPUT_NAME, folded.width), outputs)


def _int8_linear(build: Builder, folded: FoldedEncoder, calibration: Calibration) -> str:
    """The wide product (n, dim + 3 * units) as QDQ: static int8 input, int8 weights with a scale per column.

    The head stays in float32: it is a hundredth of the work, and rounding its input would cost a pass.
    """
    outliers, weights = list(calibration.float32_dimensions), folded.linear.copy()
    weights[outliers] = 0
    steps = [
        build.constant("input_scale", np.float32(calibration.input_scale)),
        build.constant("input_zero", np.int8(0)),
    ]
    rounded = build.node("QuantizeLinear", [INPUT_NAME, *steps], "rounded")
    input_ = build.node("DequantizeLinear", [rounded, *steps], "input")
    product = build.node("MatMul", [input_, build.int8_weight("linear_weight", weights, SEVEN_BITS)], "linear")
    if not outliers:
        return product
    picked = build.node("Gather", [INPUT_NAME, build.constant("outlier_dims", np.array(outliers))], "outliers", axis=1)
    return build.node("Gemm", [picked, build.constant("outlier_weight", folded.linear[outliers]), product], "whole")


def _bilinear(build: Builder, folded: FoldedEncoder, rows: str) -> str:
    """Embeddings (n, dim) before scaling, from the wide product (n, dim + 3 * units).

    The product is split and gated, deeper blocks follow, and the head's output is added to the skip's.
    """
    units = folded.units
    sizes = build.constant("sizes", np.array([folded.dim, units, units, units]))
    _, *parts = build.node_of_many("Split", [rows, sizes], ["skip", "u0", "v0", "g0"], "split", axis=1)
    hidden = bilinear_gate(build, parts, "0")
    for layer, weight in enumerate(folded.deeper, start=1):
        wide = build.node("MatMul", [hidden, build.weight(f"weight{layer}", weight)], f"wide{layer}")
        names = [f"{part}{layer}" for part in "uvg"]
        sizes = build.constant(f"sizes{layer}", np.array([units, units, units]))
        parts = build.node_of_many("Split", [wide, sizes], names, f"split{layer}", axis=1)
        gated = bilinear_gate(build, parts, str(layer))
        hidden = build.node("Add", [hidden, gated], f"sum{layer}")
    return build.node("Gemm", [hidden, build.weight("head_weight", folded.head), "skip"], "embedding")
