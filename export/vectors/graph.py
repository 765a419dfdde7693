"""The ONNX graph of a folded encoder: one wide product, the gates, one small product, unit length.

The shape of this graph is what makes it fast, so it is written out node by node: onnxruntime fuses the product into
one integer kernel, the head and the skip into one Gemm, and the scaling to unit length into one pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import onnx
from onnx import TensorProto, helper

from linguagen.export.graph.builder import Builder
from linguagen.export.graph.integers import Calibration
from linguagen.export.vectors.code_nodes import add_codes
from linguagen.export.vectors.fold import FoldedEncoder
from linguagen.models.manifests.decoder import DECODER_KEY, DecoderManifest
from linguagen.models.manifests.text import TEXT_KEY, TextManifest
from linguagen.models.manifests.vectors import CODES_NAME, INPUT_NAME, METADATA_KEY, OUTPUT_NAME, Manifest
from linguagen.models.onnx_file import parse_onnx
from linguagen.runtime.codes.codec import Codec

OPSET, IR_VERSION = 18, 9
"""No newer than onnxruntime 1.20 reads."""


M = TypeVar("M", Manifest, DecoderManifest, TextManifest)
_KEYS = {Manifest: METADATA_KEY, DecoderManifest: DECODER_KEY, TextManifest: TEXT_KEY}


def build_graph(
    folded: FoldedEncoder, calibration: Calibration | None = None, half: bool = False, codec: Codec | None = None
) -> onnx.ModelProto:
    """Build the graph.

    Args:
        folded: the encoder's matrices.
        calibration: rounds the wide product to int8; None for a float graph.
        half: store the weights in half precision.
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


def rows_input(name: str, width: int) -> onnx.ValueInfoProto:
    """A float32 input (n, width)."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])


def finish_graph(
    build: Builder, input_: onnx.ValueInfoProto, outputs: Sequence[tuple[str, int, int]]
) -> onnx.ModelProto:
    """A model of the nodes built.

    Args:
        build: holds them.
        input_: what it takes.
        outputs: name, element type and width of each output.
    """
    graph = helper.make_graph(
        build.nodes,
        "linguagen",
        [input_],
        [helper.make_tensor_value_info(name, kind, ["n", width]) for name, kind, width in outputs],
        build.constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="linguagen",
    )
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)


def with_manifest(model: onnx.ModelProto, manifest: M, extra: Mapping[str, str] | None = None) -> tuple[bytes, M]:
    """The file's bytes with its manifest inside, and that manifest, which now has the graph's hash.

    Args:
        model: the graph.
        manifest: what to say of it.
        extra: more metadata, by key.
    """
    del model.metadata_props[:]
    digest = parse_onnx(model.SerializeToString(), "graph").graph_sha256
    hashed = replace(manifest, graph_sha256=digest)
    helper.set_model_props(model, {_KEYS[type(manifest)]: hashed.to_json(), **(extra or {})})
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(), hashed


def _int8_linear(build: Builder, folded: FoldedEncoder, calibration: Calibration) -> str:
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
    product = build.node("MatMul", [input_, build.int8_weight("linear_weight", weights)], "linear")
    if not outliers:
        return product
    picked = build.node("Gather", [INPUT_NAME, build.constant("outlier_dims", np.array(outliers))], "outliers", axis=1)
    return build.node("Gemm", [picked, build.constant("outlier_weight", folded.linear[outliers]), product], "whole")


def _bilinear(build: Builder, folded: FoldedEncoder, rows: str) -> str:
    """Split the wide product, gate, run any deeper blocks, and add the head's output to the skip's."""
    units = folded.units
    sizes = build.constant("sizes", np.array([folded.dim, units, units, units]))
    build.nodes.append(helper.make_node("Split", [rows, sizes], ["skip", "u0", "v0", "g0"], name="split", axis=1))
    hidden = bilinear_gate(build, "u0", "v0", "g0", "0")
    for layer, weight in enumerate(folded.deeper, start=1):
        wide = build.node("MatMul", [hidden, build.weight(f"weight{layer}", weight)], f"wide{layer}")
        names = [f"{part}{layer}" for part in "uvg"]
        sizes = build.constant(f"sizes{layer}", np.array([units, units, units]))
        build.nodes.append(helper.make_node("Split", [wide, sizes], names, name=f"split{layer}", axis=1))
        gated = bilinear_gate(build, names[0], names[1], names[2], str(layer))
        hidden = build.node("Add", [hidden, gated], f"sum{layer}")
    return build.node("Gemm", [hidden, build.weight("head_weight", folded.head), "skip"], "embedding")


def bilinear_gate(build: Builder, u: str, v: str, g: str, name: str) -> str:
    """U * v * sigmoid(g), of nodes by name; `name` tells its own nodes from others'."""
    product = build.node("Mul", [u, v], f"uv{name}")
    gate = build.node("Sigmoid", [g], f"gate{name}")
    return build.node("Mul", [product, gate], f"hidden{name}")


def unit_length(build: Builder, rows: str, dim: int, output: str) -> None:
    """Divide by the root mean square, times 1 / sqrt(dim): the pattern that onnxruntime fuses into one pass."""
    squares = build.node("Pow", [rows, build.constant("two", np.float32(2))], "squares")
    mean = build.node("ReduceMean", [squares, build.constant("last", np.array([-1]))], "mean", keepdims=1)
    # The epsilon only keeps a zero row from dividing by zero: real rows have a mean square near 1 / dim.
    root = build.node(
        "Sqrt", [build.node("Add", [mean, build.constant("epsilon", np.float32(1e-20))], "above")], "root"
    )
    scaled = build.node("Div", [rows, root], "scaled")
    build.node("Mul", [scaled, build.constant("unit", np.full(dim, dim**-0.5, np.float32))], output)
