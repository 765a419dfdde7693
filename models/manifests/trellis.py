"""How a model writes its embeddings in any number of bytes: the bits of each dimension, and the values they stand for.

The bits of an embedding form one stream through a trellis (Marcellin and Fischer, "Trellis coded quantization of
memoryless and Gauss-Markov sources", 1990). The stream is cut into symbols. A symbol holds some dimensions; its first
bit, with the first bits of the eight symbols before it, makes a window of nine bits, and the window says which values
the rest of its bits, the pick, chooses among. docs/model-file.md has every step.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linguagen.models.arrays import Array, decode_array, encode_array

MEMORY = 8
"""First bits of earlier symbols that a window holds."""
WINDOWS = 2 << MEMORY
MOST_BYTES = 2048
"""Bytes that an embedding may take at most."""
LEAST_BYTES = 8


class Rung(NamedTuple):
    """A way to spend bits on neighbouring dimensions; one step up the ladder of rungs costs one bit."""

    dims: int
    """Dimensions in a symbol."""
    bits: int
    """Bits of a symbol: the first enters the window, the others are the pick."""
    span: int
    """Dimensions that step up from here together; an even number of symbols of the next rung fills them."""

    @property
    def picks(self) -> int:
        """Values that a window lets the other bits choose among."""
        return 1 << self.bits - 1


LADDER = (
    Rung(4, 0, 4),
    Rung(4, 1, 4),
    Rung(2, 1, 2),
    Rung(1, 1, 2),
    Rung(2, 3, 2),
    *(Rung(1, bits, 1) for bits in range(2, 12)),
)
"""A quarter of a bit per dimension, a half, 1, 3/2, 2, 3, ... 11; rung 0 has no symbols."""


class Symbols(NamedTuple):
    """The symbols of a code, in the order of the stream."""

    rungs: npt.NDArray[np.intp]  # (symbols,), numbers in LADDER
    dims: npt.NDArray[np.intp]  # (symbols,), the first dimension of each
    bits: npt.NDArray[np.intp]  # (symbols,), the place of each one's first bit


@dataclass(frozen=True, eq=False)
class Trellis:
    """How a model writes its embeddings in any number of bytes."""

    order: npt.NDArray[np.uint16]
    """(steps,): the dimension at which the next bit goes up a rung; a code of N bytes takes the first 8 N steps."""
    weights: Array
    """(dim,): what a squared error in standard deviations counts, by dimension; never rising."""
    gains: Array
    """(rungs,): factor on decoded values, by rung, which restores the length that rounding takes."""
    tables: tuple[Array, ...]
    """Values in standard deviations (picks, dims, windows), for every rung from 1 on. From 4 bits on a table has 4
    columns, one for each coset, in rising order of the picks."""

    @property
    def most_bytes(self) -> int:
        """Bytes of the longest code."""
        return len(self.order) // 8

    def symbols(self, size: int) -> Symbols:
        """The symbols of a code of `size` bytes.

        Raises:
            ValueError: a step leads nowhere.
        """
        levels = np.zeros(len(self.weights), np.intp)
        for dim in self.order[: 8 * size].tolist():
            level = int(levels[dim]) if dim < len(levels) else len(LADDER)
            if level + 1 >= len(LADDER) or dim % LADDER[level].span or dim + LADDER[level].span > len(levels):
                raise ValueError(f"a step at dimension {dim}, which cannot get another bit")
            levels[dim : dim + LADDER[level].span] += 1
        rungs, dims, bits, bit, dim = [], [], [], 0, 0
        while dim < len(levels):
            rung = int(levels[dim])
            if rung:
                rungs.append(rung)
                dims.append(dim)
                bits.append(bit)
            bit += LADDER[rung].bits
            dim += LADDER[rung].dims
        return Symbols(np.array(rungs, np.intp), np.array(dims, np.intp), np.array(bits, np.intp))

    @cached_property
    def thresholds(self) -> tuple[Array, ...]:
        """Values (picks - 1, windows) halfway between neighbouring picks, for every rung of one dimension from 1 on."""
        return tuple((table[1:, 0] + table[:-1, 0]) * np.float32(0.5) for table in self.tables)

    def to_document(self) -> dict[str, Any]:
        """Write as JSON-ready values."""
        return {
            "order": encode_array(self.order.astype(np.float32), "<u2"),
            "weights": encode_array(self.weights, "<f4"),
            "gains": encode_array(self.gains, "<f4"),
            "tables": [encode_array(table, "<f2") for table in self.tables],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Trellis":
        """Read what `to_document` wrote.

        Raises:
            KeyError, TypeError, ValueError: the document does not hold a trellis.
        """
        order, weights, gains = (decode_array(document[name]) for name in ("order", "weights", "gains"))
        return cls(order.astype(np.uint16), weights, gains, tuple(map(decode_array, document["tables"])))

    def check_width(self, dim: int) -> None:
        """Check that this is the trellis of embeddings of `dim` dimensions.

        Raises:
            ValueError: it is not.
        """
        shapes = [(rung.picks, rung.dims, columns(rung)) for rung in LADDER[1:]]
        if [table.shape for table in self.tables] != shapes:
            raise ValueError("the tables of the trellis have other shapes than its rungs")
        if self.weights.shape != (dim,) or self.gains.shape != (len(LADDER),) or self.order.ndim != 1:
            raise ValueError(f"the trellis is not for {dim} dimensions")
        if not (self.weights > 0).all() or (np.diff(self.weights) > 0).any():
            raise ValueError("the weights of the trellis are not above 0 and falling")
        self.symbols(self.most_bytes)


def columns(rung: Rung) -> int:
    """Columns of a rung's table: one for each window, or one for each coset from 4 bits on."""
    return 4 if rung.bits > 3 else WINDOWS


def cosets() -> npt.NDArray[np.uint8]:
    """The coset (WINDOWS,) of every window: parities of two of its parts, found by trying all with Gaussian values."""
    windows = np.arange(WINDOWS)
    first, second = (np.array([int(w & mask).bit_count() & 1 for w in windows]) for mask in (0o165, 0o656))
    return np.asarray(first + 2 * second, np.uint8)
