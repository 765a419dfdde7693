"""Codes made in the graph, for apps in any language: runtime/codes/codec.py as ONNX nodes."""

import numpy as np
from onnx import TensorProto, helper

from linguagen.export.graph.builder import Builder
from linguagen.models.manifests.vectors import CODES_NAME, OUTPUT_NAME
from linguagen.runtime.codes.codec import INT4_STEP, INT8_STEP, Codec
from linguagen.runtime.codes.lattice import BLOCK, directions


def add_codes(build: Builder, codec: Codec, dim: int) -> int:
    """Add the output `codes` (n, columns of the codec); returns its element type.

    Args:
        build: a graph that already has the output `embeddings` (n, dim).
        codec: kind and width of the codes.
        dim: dimensions of an embedding.
    """
    rows = OUTPUT_NAME if codec.dim == dim else _leading(build, codec.dim)
    if not codec.kind.startswith("float"):
        rows = _levels(build, codec, _standardised(build, codec, rows))
    element = helper.np_dtype_to_tensor_dtype(codec.dtype)
    build.node("Cast", [rows], CODES_NAME, to=element)
    return element


def _leading(build: Builder, dim: int) -> str:
    """The first dimensions of the embeddings, scaled to length 1: (n, dim)."""
    bounds = [
        build.constant(f"cut_{name}", np.array([value])) for name, value in (("from", 0), ("to", dim), ("axis", 1))
    ]
    rows = build.node("Slice", [OUTPUT_NAME, *bounds], "cut_rows")
    length = build.node("ReduceL2", [rows, build.constant("cut_last", np.array([-1]))], "cut_length", keepdims=1)
    return build.node("Div", [rows, length], "cut")


def _standardised(build: Builder, codec: Codec, rows: str) -> str:
    """Rows (n, dim) rotated if the codec rotates, minus the mean, divided by the standard deviation."""
    if codec.rotation is not None:
        rows = build.node("MatMul", [rows, build.constant("rotation", codec.rotation)], "rotated")
    centred = build.node("Sub", [rows, build.constant("code_mean", codec.mean)], "centred")
    return build.node("Div", [centred, build.constant("code_deviation", codec.deviation)], "standardised")


def _levels(build: Builder, codec: Codec, rows: str) -> str:
    """The codes (n, columns) of standardised rows (n, dim), as float numbers."""
    if codec.kind in ("int8", "uint8"):
        whole = _whole(build, rows, INT8_STEP, 0.0, -128, 127)
        return whole if codec.kind == "int8" else _plus(build, whole, 128)
    if codec.kind == "int4":
        return _packed(build, _whole(build, rows, INT4_STEP, 7.5, 0, 15), [1, 16])
    if codec.kind == "e8":
        return _lattice(build, rows, codec.columns)
    above = build.node("Greater", [rows, build.constant("zero", np.float32(0))], "above_mean")
    bits = build.node("Cast", [above], "bits", to=TensorProto.FLOAT)
    packed = _packed(build, bits, [128, 64, 32, 16, 8, 4, 2, 1])
    return packed if codec.kind == "ubinary" else _plus(build, packed, -128)


def _whole(build: Builder, rows: str, step: float, middle: float, least: int, most: int) -> str:
    """Rows (n, dim) rounded to whole steps around a middle, and clipped."""
    steps = build.node("Div", [rows, build.constant("step", np.float32(step))], "steps")
    whole = build.node("Round", [_plus(build, steps, middle, "moved") if middle else steps], "whole")
    return build.node(
        "Clip", [whole, *(build.constant(f"bound{bound}", np.float32(bound)) for bound in (least, most))], "clipped"
    )


def _plus(build: Builder, rows: str, value: float, name: str = "shifted") -> str:
    """Rows (n, dim) plus a number."""
    return build.node("Add", [rows, build.constant(f"{name}_by", np.float32(value))], name)


def _packed(build: Builder, rows: str, weights: list[int]) -> str:
    """Groups of small numbers packed into one each, by a weighted sum: (n, dim) to (n, dim / len(weights))."""
    shape = build.constant("groups", np.array([0, -1, len(weights)]))
    grouped = build.node("Reshape", [rows, shape], "grouped")  # (n, columns, group)
    weight = build.constant("places", np.array(weights, np.float32)[:, None])
    summed = build.node("MatMul", [grouped, weight], "summed")  # (n, columns, 1)
    return build.node("Reshape", [summed, build.constant("flat", np.array([0, -1]))], "packed")


def _lattice(build: Builder, rows: str, columns: int) -> str:
    """Numbers (n, columns) of the nearest directions; dimension i of rows (n, dim) belongs to column i mod columns."""
    strided = build.node("Reshape", [rows, build.constant("strides", np.array([0, BLOCK, columns]))], "strided")
    transposed = build.node("Transpose", [strided], "turned", perm=[0, 2, 1])  # (n, columns, 8)
    blocks = build.node("Reshape", [transposed, build.constant("eights", np.array([-1, BLOCK]))], "blocks")
    weight = build.constant("directions", np.ascontiguousarray(directions().T))
    products = build.node("MatMul", [blocks, weight], "products")
    nearest = build.node("ArgMax", [products], "nearest", axis=1, keepdims=0)
    return build.node("Reshape", [nearest, build.constant("rows", np.array([-1, columns]))], "named")
