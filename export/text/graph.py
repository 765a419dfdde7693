"""The ONNX graph of a text encoder: rows of the table, one wide product, fading sums, weighted pooling, unit length.

The table is stored in int8 with a scale per column. Everything after it is linear in a row until units multiply, so the
scales go into the matrices that follow: a row is used as the integers that it is stored as. Padding needs no mask: its
row of the table is zero, and its importance so low that pooling gives it no weight.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from linguagen.export.graph.builder import Builder
from linguagen.export.graph.integers import round_columns
from linguagen.export.vectors.graph import bilinear_gate, finish_graph, unit_length
from linguagen.models.manifests.text import TOKENS_NAME
from linguagen.models.manifests.vectors import OUTPUT_NAME
from linguagen.runtime.text.tokenizer import PADDING
from linguagen.runtime.vectors import Array
from linguagen.train.network.blocks import ForwardEncoder
from linguagen.train.text.network import DOUBLINGS, TextNetwork, TokenBlock

_NO_WEIGHT = -1e9
_INT8_STEP = np.float32(1 / 127)
_ZERO = 128
_WIDE_LARGEST = 63


@dataclass(frozen=True)
class _Direction:
    """One reader: which way, and its blocks."""

    reverse: bool
    blocks: tuple[TokenBlock, ...]

    @classmethod
    def of(cls, encoder: ForwardEncoder) -> "_Direction":
        return cls(encoder.reverse, tuple(block for block in encoder.blocks if isinstance(block, TokenBlock)))

    @property
    def name(self) -> str:
        return "backward" if self.reverse else "forward"


def build_text_graph(encoder: TextNetwork, precision: str) -> onnx.ModelProto:
    """Build the graph.

    Args:
        encoder: its weights are copied.
        precision: `float32`, `float16` (weights alone) or `int8` (table and wide product).
    """
    build = Builder(half=precision == "float16")
    rows, scales = _rows(build, encoder, precision == "int8")  # (n, length, width)
    weights = _weights(build, encoder)  # (n, 1, length)
    directions = [_Direction.of(each) for each in encoder.directions if isinstance(each, ForwardEncoder)]
    skip = scales[:, None] * _array(encoder.skip.weight).T  # (width, dim)
    pooled = [build.node("MatMul", [weights, rows], "pooled")]
    out = [skip]
    if encoder.head is not None:
        units = _units(build, directions, rows, scales, precision == "int8")
        pooled.append(build.node("MatMul", [weights, units], "pooled_units"))
        out.append(_array(encoder.head.weight).T)  # (units, dim)
    joined = build.node("Concat", pooled, "joined", axis=2) if len(pooled) > 1 else pooled[0]
    matrix = np.concatenate(out)
    shape = build.constant("flat_shape", np.array([-1, len(matrix)]))
    flat = build.node("Reshape", [joined, shape], "flat")  # (n, width + units)
    z = build.node("MatMul", [flat, build.weight("out_weight", matrix)], "embedding")
    unit_length(build, z, encoder.config.dim, OUTPUT_NAME)
    tokens = helper.make_tensor_value_info(TOKENS_NAME, TensorProto.INT32, ["n", "length"])
    return finish_graph(build, tokens, [(OUTPUT_NAME, TensorProto.FLOAT, encoder.config.dim)])


def _rows(build: Builder, encoder: TextNetwork, int8: bool) -> tuple[str, Array]:
    """Each token's row of the table, and what each of its columns must still be multiplied by, (width,)."""
    table = _array(encoder.embedding.weight)  # (pieces, width)
    if not int8:
        return build.node("Gather", [build.weight("table", table), TOKENS_NAME], "rows"), np.ones(
            table.shape[1], np.float32
        )
    integers, scales = round_columns(table)
    # Unsigned with the zero at 128: onnxruntime has an integer product of that on every processor.
    unsigned = (integers.astype(np.int16) + _ZERO).astype(np.uint8)
    picked = build.node("Gather", [build.constant("table_uint8", unsigned), TOKENS_NAME], "rows_uint8")
    step = [build.constant("table_step", _INT8_STEP), build.constant("table_zero", np.uint8(_ZERO))]
    return build.node("DequantizeLinear", [picked, *step], "rows"), scales / _INT8_STEP


def _weights(build: Builder, encoder: TextNetwork) -> str:
    """How much each token counts, (n, 1, length)."""
    importance = _array(encoder.importance.weight)[:, 0].copy()  # (pieces,)
    importance[PADDING] = _NO_WEIGHT
    picked = build.node("Gather", [build.constant("importance", importance), TOKENS_NAME], "importances")
    if (power := encoder.config.term_frequency_power) != 1:
        logarithms = build.node("Log", [_term_frequencies(build, encoder.pieces)], "term_frequency_logarithms")
        fewer = build.node("Mul", [logarithms, build.constant("power", np.float32(power - 1))], "repeated_less")
        picked = build.node("Add", [picked, fewer], "importances_of_terms")
    shares = build.node("Softmax", [picked], "shares", axis=1)
    return build.node("Unsqueeze", [shares, build.constant("second", np.array([1]))], "weights")


def _term_frequencies(build: Builder, pieces: int) -> str:
    """As `train.text_model.term_frequencies`: pieces of different texts are told apart by adding the text's number."""
    shape = build.node("Shape", [TOKENS_NAME], "tokens_shape")
    zero, one = (build.constant(name, np.int64(value)) for name, value in (("nought", 0), ("step", 1)))
    texts = build.node("Gather", [shape, zero], "texts")
    numbers = build.node("Range", [zero, texts, one], "text_numbers")
    starts = build.node("Mul", [numbers, build.constant("pieces", np.int64(pieces))], "text_starts")
    column = build.node("Unsqueeze", [starts, build.constant("across", np.array([1]))], "text_column")
    wide = build.node("Cast", [TOKENS_NAME], "tokens_int64", to=TensorProto.INT64)
    told_apart = build.node("Add", [wide, column], "pieces_of_texts")
    outputs = ["distinct", "first_places", "distinct_numbers", "distinct_counts"]
    build.nodes.append(helper.make_node("Unique", [told_apart], outputs, name="unique", sorted=1))
    flat = build.node("Gather", [outputs[3], outputs[2]], "flat_counts")
    counts = build.node("Reshape", [flat, shape], "counts")
    return build.node("Cast", [counts], "term_frequencies", to=TensorProto.FLOAT)


def _units(build: Builder, directions: list[_Direction], rows: str, scales: Array, int8: bool) -> str:
    """Units of all directions side by side, (n, length, units); the first blocks read the table in one product."""
    first = np.concatenate([_parts(direction.blocks[0]) for direction in directions], axis=1)
    wide = _product(build, rows, scales[:, None] * first, int8)
    parts = [f"{direction.name}0_{part}" for direction in directions for part in "uvg"]
    _split(build, wide, parts, first.shape[1] // len(parts))
    outputs = [_direction(build, direction) for direction in directions]
    return build.node("Concat", outputs, "units", axis=2) if len(outputs) > 1 else outputs[0]


def _product(build: Builder, rows: str, weight: Array, int8: bool) -> str:
    if not int8:
        return build.node("MatMul", [rows, build.weight("wide_weight", weight)], "wide")
    return build.node("MatMul", [rows, build.int8_weight("wide_weight", weight, _WIDE_LARGEST)], "wide")


def _direction(build: Builder, direction: _Direction) -> str:
    """A reader's units (n, length, hidden), from the parts of its first block's product."""
    hidden = ""
    for layer, block in enumerate(direction.blocks):
        name = f"{direction.name}{layer}"
        if layer:
            wide = build.node("MatMul", [hidden, build.weight(f"{name}_weight", _parts(block))], name)
            _split(build, wide, [f"{name}_{part}" for part in "uvg"], len(block.u))
        summed = _fading_sum(build, f"{name}_v", _array(block.keep), direction.reverse)
        gated = bilinear_gate(build, f"{name}_u", summed, f"{name}_g", f"_{name}")
        hidden = build.node("Add", [hidden, gated], f"{name}_sum") if layer else gated
    return hidden


def _split(build: Builder, whole: str, parts: list[str], width: int) -> None:
    sizes = build.constant(f"{whole}_sizes", np.full(len(parts), width))
    build.nodes.append(helper.make_node("Split", [whole, sizes], parts, name=f"{whole}_split", axis=2))


def _fading_sum(build: Builder, x: str, keep: Array, reverse: bool) -> str:
    """As `train.text_model.fading_sum`."""
    total = _shift(build, x, 1, reverse, f"{x}_before")
    for doubling in range(DOUBLINGS):
        name = f"{x}_{doubling}"
        faded = build.constant(f"{name}_keep", (keep ** (2**doubling)).astype(np.float32))
        moved = build.node("Mul", [_shift(build, total, 2**doubling, reverse, f"{name}_moved"), faded], f"{name}_faded")
        total = build.node("Add", [total, moved], f"{name}_total")
    return total


def _shift(build: Builder, x: str, places: int, reverse: bool, name: str) -> str:
    """(n, length, hidden) moved to later places, or earlier ones, zeros coming in."""
    pads = [0, places] if reverse else [places, 0]
    axis = build.constant(f"{name}_axis", np.array([1]))
    wide = build.node(
        "Pad",
        [x, build.constant(f"{name}_pads", np.array(pads)), build.constant(f"{name}_zero", np.float32(0)), axis],
        f"{name}_padded",
    )
    start, end = (places, np.iinfo(np.int64).max) if reverse else (0, -places)
    ends = [build.constant(f"{name}_{key}", np.array([value])) for key, value in (("start", start), ("end", end))]
    return build.node("Slice", [wide, *ends, axis], name)


def _parts(block: TokenBlock) -> Array:
    """U, V and G of a block side by side, (inputs, 3 * hidden); V times the first factor of its fading sum."""
    first = 1 - _array(block.keep)
    return np.concatenate([_array(block.u).T, _array(block.v).T * first, _array(block.g).T], axis=1)


def _array(tensor: object) -> Array:
    return np.asarray(tensor.detach().numpy(), dtype=np.float32)  # type: ignore[attr-defined]
