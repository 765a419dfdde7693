"""Nodes of the blocks that read tokens or words, as `train/network/tokens.py` defines them."""

import numpy as np
from torch import Tensor

from linguagen.export.graph.builder import Builder
from linguagen.export.graph.integers import round_columns
from linguagen.runtime.vectors import Array
from linguagen.train.network.tokens import DOUBLINGS, TokenBlock

_ZERO = 128
"""The byte that stands for 0 in an int8 table."""


def table_rows(build: Builder, table: Array, picks: str, step: np.float32 | None) -> tuple[str, Array]:
    """The rows of a table that numbers pick, and the scale of each column (width,), which is not yet applied.

    Args:
        build: the graph.
        table: (rows, width).
        picks: name of the numbers, of any shape; the rows have one more dimension.
        step: value of one step of a table in int8; None to store floats, whose scales are 1.
    """
    if step is None:
        return build.node("Gather", [build.weight("table", table), picks], "rows"), np.ones(table.shape[1], np.float32)
    integers, scales = round_columns(table)
    # Unsigned bytes: onnxruntime multiplies them by int8 weights in integers on every processor.
    unsigned = (integers.astype(np.int16) + _ZERO).astype(np.uint8)
    picked = build.node("Gather", [build.constant("table_uint8", unsigned), picks], "rows_uint8")
    parts = [build.constant("table_step", step), build.constant("table_zero", np.uint8(_ZERO))]
    return build.node("DequantizeLinear", [picked, *parts], "rows"), scales / step


def split(build: Builder, whole: str, parts: list[str], width: int) -> None:
    """Split (n, length, parts * width) into parts (n, length, width)."""
    sizes = build.constant(f"{whole}_sizes", np.full(len(parts), width))
    build.node_of_many("Split", [whole, sizes], parts, f"{whole}_split", axis=2)


def fading_sum(build: Builder, x: str, keep: Array, reverse: bool) -> str:
    """The fading sum (n, length, hidden) of the tokens before each, as `fading_sum` in train/network/tokens.py.

    Args:
        build: the graph.
        x: name of the values (n, length, hidden).
        keep: share (hidden,) of a sum that is left one token further.
        reverse: sum the tokens after each instead.
    """
    total = shift(build, x, 1, reverse, f"{x}_before")
    for doubling in range(DOUBLINGS):
        name = f"{x}_{doubling}"
        faded = build.constant(f"{name}_keep", (keep ** (2**doubling)).astype(np.float32))
        moved = build.node("Mul", [shift(build, total, 2**doubling, reverse, f"{name}_moved"), faded], f"{name}_faded")
        total = build.node("Add", [total, moved], f"{name}_total")
    return total


def shift(build: Builder, x: str, places: int, reverse: bool, name: str) -> str:
    """Values (n, length, hidden) moved to later places, or to earlier ones if reversed; zeros fill the gap."""
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


def block_parts(block: TokenBlock) -> Array:
    """U, V and G of a block, concatenated (inputs, 3 * hidden); V times the first factor of its fading sum."""
    first = 1 - as_array(block.keep)
    return np.concatenate([as_array(block.u).T, as_array(block.v).T * first, as_array(block.g).T], axis=1)


def as_array(tensor: Tensor) -> Array:
    """A tensor of any shape as a float32 array."""
    return np.asarray(tensor.detach().numpy(), dtype=np.float32)
