"""The ONNX graph of a folded encoder: one wide product, the gates, one small product, unit length.

The shape of this graph is what makes it fast, so it is written out node by node: onnxruntime fuses the product into
one integer kernel, the head and the skip into one Gemm, and the scaling to unit length into one pass.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from linguagen.export.fold import FoldedEncoder
from linguagen.export.quantize import Calibration, round_columns
from linguagen.models.manifest import INPUT_NAME, METADATA_KEY, OUTPUT_NAME, Manifest

OPSET, IR_VERSION = 18, 9
"""No newer than onnxruntime 1.20 reads."""


@dataclass
class _Builder:
    """Collects nodes and constants of a graph."""

    half: bool
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node named after its output; returns that name."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: Any) -> str:
        """Add a constant; returns its name."""
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, name: str, value: Any) -> str:
        """Add a weight; stored in half precision where asked, and widened when the file is loaded."""
        if not self.half:
            return self.constant(name, value)
        stored = self.constant(f"{name}_half", np.asarray(value, dtype=np.float16))
        return self.node("Cast", [stored], name, to=TensorProto.FLOAT)


def build_graph(folded: FoldedEncoder, calibration: Calibration | None = None, half: bool = False) -> onnx.ModelProto:
    """Build the graph.

    Args:
        folded: the encoder's matrices.
        calibration: rounds the wide product to int8; None for a float graph.
        half: store the weights in half precision.
    """
    build = _Builder(half)
    if calibration is None:
        rows = build.node("MatMul", [INPUT_NAME, build.weight("linear_weight", folded.linear)], "linear")
    else:
        rows = _int8_linear(build, folded, calibration)  # (n, dim + 3 * units)
    if folded.units:
        rows = _bilinear(build, folded, rows)  # (n, dim)
    _unit_length(build, rows, folded.dim)
    graph = helper.make_graph(
        build.nodes,
        "linguagen",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["n", folded.width])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["n", folded.dim])],
        build.constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="linguagen",
    )
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)


def with_manifest(model: onnx.ModelProto, manifest: Manifest) -> bytes:
    """The file's bytes, its manifest inside."""
    del model.metadata_props[:]
    helper.set_model_props(model, {METADATA_KEY: manifest.to_json()})
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    return data


def _int8_linear(build: _Builder, folded: FoldedEncoder, calibration: Calibration) -> str:
    """The wide product as QDQ: static int8 input, int8 weights with a scale per column.

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
    integers, scales = round_columns(weights)
    weight = build.node(
        "DequantizeLinear",
        [
            build.constant("linear_weight_int8", integers),
            build.constant("linear_weight_scale", scales),
            build.constant("linear_weight_zero", np.zeros(len(scales), np.int8)),
        ],
        "linear_weight",
        axis=1,
    )
    product = build.node("MatMul", [input_, weight], "linear")
    if not outliers:
        return product
    picked = build.node("Gather", [INPUT_NAME, build.constant("outlier_dims", np.array(outliers))], "outliers", axis=1)
    return build.node("Gemm", [picked, build.constant("outlier_weight", folded.linear[outliers]), product], "whole")


def _bilinear(build: _Builder, folded: FoldedEncoder, rows: str) -> str:
    """Split the wide product, gate, run any deeper blocks, and add the head's output to the skip's."""
    units = folded.units
    sizes = build.constant("sizes", np.array([folded.dim, units, units, units]))
    build.nodes.append(helper.make_node("Split", [rows, sizes], ["skip", "u0", "v0", "g0"], name="split", axis=1))
    hidden = _gate(build, 0)
    for layer, weight in enumerate(folded.deeper, start=1):
        wide = build.node("MatMul", [hidden, build.weight(f"weight{layer}", weight)], f"wide{layer}")
        names = [f"{part}{layer}" for part in "uvg"]
        sizes = build.constant(f"sizes{layer}", np.array([units, units, units]))
        build.nodes.append(helper.make_node("Split", [wide, sizes], names, name=f"split{layer}", axis=1))
        hidden = build.node("Add", [hidden, _gate(build, layer)], f"sum{layer}")
    return build.node("Gemm", [hidden, build.weight("head_weight", folded.head), "skip"], "embedding")


def _gate(build: _Builder, layer: int) -> str:
    """(U x) * (V x) * sigmoid(G x)."""
    product = build.node("Mul", [f"u{layer}", f"v{layer}"], f"uv{layer}")
    gate = build.node("Sigmoid", [f"g{layer}"], f"gate{layer}")
    return build.node("Mul", [product, gate], f"hidden{layer}")


def _unit_length(build: _Builder, rows: str, dim: int) -> str:
    """Divide by the root mean square, times 1 / sqrt(dim): the pattern that onnxruntime fuses into one pass."""
    squares = build.node("Pow", [rows, build.constant("two", np.float32(2))], "squares")
    mean = build.node("ReduceMean", [squares, build.constant("last", np.array([-1]))], "mean", keepdims=1)
    # The epsilon only keeps a zero row from dividing by zero: real rows have a mean square near 1 / dim.
    root = build.node(
        "Sqrt", [build.node("Add", [mean, build.constant("epsilon", np.float32(1e-20))], "above")], "root"
    )
    scaled = build.node("Div", [rows, root], "scaled")
    return build.node("Mul", [scaled, build.constant("unit", np.full(dim, dim**-0.5, np.float32))], OUTPUT_NAME)
