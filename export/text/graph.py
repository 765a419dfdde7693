"""The graph of a text model: rows of the table, one wide product, fading sums, weighted pooling, unit length.

An int8 table has a scale per column. Up to the gates everything is linear in a row, so the scales go into the matrices
after the table, and rows are used as the integers that are stored. Padding needs no mask: its row of the table is zero,
and its importance is so low that pooling gives it no weight.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper

from linguagen.export.graph.builder import Builder
from linguagen.export.graph.integers import SEVEN_BITS
from linguagen.export.graph.model import finish_graph
from linguagen.export.graph.nodes import bilinear_gate, unit_length
from linguagen.export.graph.tokens import as_array, block_parts, fading_sum, split, table_rows
from linguagen.models.manifests.text import TOKENS_NAME
from linguagen.models.manifests.vectors import OUTPUT_NAME
from linguagen.runtime.text.tokenizer import PADDING
from linguagen.runtime.vectors import Array
from linguagen.train.network.blocks import ForwardEncoder
from linguagen.train.network.tokens import TokenBlock
from linguagen.train.text.network import TextNetwork

_NO_WEIGHT = -1e9
"""The importance of padding; the softmax makes it 0."""
_INT8_STEP = np.float32(1 / 127)
"""Value of one step of the int8 table; its columns' own scales are in the matrices after it."""


def build_graph(encoder: TextNetwork, precision: str) -> onnx.ModelProto:
    """Build the graph of a text model.

    Args:
        encoder: the trained encoder; its weights are copied.
        precision: `float32`, `float16` (weights stored in half precision) or `int8` (table and wide product).
    """
    build = Builder(half=precision == "float16")
    table = as_array(encoder.embedding.weight)  # (pieces, width)
    rows, scales = table_rows(build, table, TOKENS_NAME, _INT8_STEP if precision == "int8" else None)
    weights = _weights(build, encoder)  # (n, 1, length)
    skip = scales[:, None] * as_array(encoder.skip.weight).T  # (width, dim)
    pooled = [build.node("MatMul", [weights, rows], "pooled")]
    out = [skip]
    if encoder.head is not None:
        units = _units(build, encoder, rows, scales, precision == "int8")
        pooled.append(build.node("MatMul", [weights, units], "pooled_units"))
        out.append(as_array(encoder.head.weight).T)  # (units, dim)
    joined = build.node("Concat", pooled, "joined", axis=2) if len(pooled) > 1 else pooled[0]
    matrix = np.concatenate(out)
    shape = build.constant("flat_shape", np.array([-1, len(matrix)]))
    flat = build.node("Reshape", [joined, shape], "flat")  # (n, width + units)
    z = build.node("MatMul", [flat, build.weight("out_weight", matrix)], "embedding")
    unit_length(build, z, encoder.config.dim, OUTPUT_NAME)
    tokens = helper.make_tensor_value_info(TOKENS_NAME, TensorProto.INT32, ["n", "length"])
    return finish_graph(build, tokens, [(OUTPUT_NAME, TensorProto.FLOAT, encoder.config.dim)])


def _weights(build: Builder, encoder: TextNetwork) -> str:
    """The weight of each token in the pooled sum, (n, 1, length)."""
    importance = as_array(encoder.importance.weight)[:, 0].copy()  # (pieces,)
    importance[PADDING] = _NO_WEIGHT
    picked = build.node("Gather", [build.constant("importance", importance), TOKENS_NAME], "importances")
    if (power := encoder.config.term_frequency_power) != 1:
        logarithms = build.node("Log", [_term_frequencies(build, encoder.pieces)], "term_frequency_logarithms")
        fewer = build.node("Mul", [logarithms, build.constant("power", np.float32(power - 1))], "repeated_less")
        picked = build.node("Add", [picked, fewer], "importances_of_terms")
    shares = build.node("Softmax", [picked], "shares", axis=1)
    return build.node("Unsqueeze", [shares, build.constant("second", np.array([1]))], "weights")


def _term_frequencies(build: Builder, pieces: int) -> str:
    """How often each token occurs in its text, (n, length), as `term_frequencies` in train/text/network.py counts.

    Unique counts over the whole batch. Adding a number per text keeps equal pieces of two texts apart.
    """
    shape = build.node("Shape", [TOKENS_NAME], "tokens_shape")
    zero, one = (build.constant(name, np.int64(value)) for name, value in (("nought", 0), ("step", 1)))
    texts = build.node("Gather", [shape, zero], "texts")
    numbers = build.node("Range", [zero, texts, one], "text_numbers")
    starts = build.node("Mul", [numbers, build.constant("pieces", np.int64(pieces))], "text_starts")
    column = build.node("Unsqueeze", [starts, build.constant("across", np.array([1]))], "text_column")
    wide = build.node("Cast", [TOKENS_NAME], "tokens_int64", to=TensorProto.INT64)
    distinct = build.node("Add", [wide, column], "pieces_of_texts")
    outputs = ["distinct", "first_places", "distinct_numbers", "distinct_counts"]
    _, _, numbers, counts = build.node_of_many("Unique", [distinct], outputs, "unique", sorted=1)
    flat = build.node("Gather", [counts, numbers], "flat_counts")
    counts = build.node("Reshape", [flat, shape], "counts")
    return build.node("Cast", [counts], "term_frequencies", to=TensorProto.FLOAT)


def _units(build: Builder, encoder: TextNetwork, rows: str, scales: Array, int8: bool) -> str:
    """Units of all directions, concatenated (n, length, units); one product serves the first block of each."""
    directions = [each for each in encoder.directions if isinstance(each, ForwardEncoder)]
    first = np.concatenate([block_parts(_blocks(each)[0]) for each in directions], axis=1)
    weight = scales[:, None] * first  # (width, directions * 3 * hidden)
    stored = build.int8_weight("wide_weight", weight, SEVEN_BITS) if int8 else build.weight("wide_weight", weight)
    wide = build.node("MatMul", [rows, stored], "wide")
    parts = [f"{_name(each)}0_{part}" for each in directions for part in "uvg"]
    split(build, wide, parts, first.shape[1] // len(parts))
    outputs = [_direction(build, each) for each in directions]
    return build.node("Concat", outputs, "units", axis=2) if len(outputs) > 1 else outputs[0]


def _name(direction: ForwardEncoder) -> str:
    """Start of the names of a direction's nodes."""
    return "backward" if direction.reverse else "forward"


def _blocks(direction: ForwardEncoder) -> list[TokenBlock]:
    """The blocks of a direction, in the order in which they read."""
    return [block for block in direction.blocks if isinstance(block, TokenBlock)]


def _direction(build: Builder, direction: ForwardEncoder) -> str:
    """The units of one direction (n, length, hidden), from the parts of its first block's product."""
    hidden = ""
    for layer, block in enumerate(_blocks(direction)):
        name = f"{_name(direction)}{layer}"
        if layer:
            wide = build.node("MatMul", [hidden, build.weight(f"{name}_weight", block_parts(block))], name)
            split(build, wide, [f"{name}_{part}" for part in "uvg"], len(block.u))
        summed = fading_sum(build, f"{name}_v", as_array(block.keep), direction.reverse)
        gated = bilinear_gate(build, (f"{name}_u", summed, f"{name}_g"), f"_{name}")
        hidden = build.node("Add", [hidden, gated], f"{name}_sum") if layer else gated
    return hidden
