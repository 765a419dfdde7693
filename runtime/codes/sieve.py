"""A first pass over trellis codes: how near a code is likely to be, from what each of its bytes says by itself.

A value of a symbol follows from bits in several bytes. What one byte says is the mean of the value over all other bits:
the main effect of the analysis of variance (Hoeffding, "A class of statistics with asymptotically normal distribution",
1948), so no other sum of functions of single bytes is nearer to the product of a query with what a code stands for. At
128 bytes it correlates with it by .95, and costs a look-up a byte. Only codes that it finds near are then decoded.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from linguagen.models.manifests.trellis import LADDER, MEMORY, WINDOWS, Symbols, Trellis, cosets
from linguagen.runtime.codes.search import Rows, merge
from linguagen.runtime.vectors import Array

if TYPE_CHECKING:
    from linguagen.runtime.codes.trellis import TrellisCodec

Bytes = npt.NDArray[np.uint8]
_WINDOW_ROWS = 8192
_SAMPLE = 512
"""Codes, spread over all, on which the error of the first pass is measured."""
_DEVIATIONS = 5
"""A code is left out if it seems farther than the k-th nearest should by this many standard deviations of the error."""
LEAST_ROWS = 16_384
"""Up to this many codes, all are decoded: a sieve takes as long to make."""
_VALUES = np.arange(256)


@dataclass(frozen=True, eq=False)
class Sieve:
    """What bytes of codes of one size say about dimensions of embeddings."""

    places: npt.NDArray[np.intp]  # (parts,), rising: a byte
    dims: npt.NDArray[np.intp]  # (parts,): a dimension about which it says something
    effects: Array  # (parts, 256): by how much each value of the byte moves the mean of the dimension

    @classmethod
    def make(cls, trellis: Trellis, symbols: Symbols, deviation: Array) -> "Sieve":
        """Make the sieve of codes with these symbols.

        Args:
            trellis: of the model.
            symbols: of a code.
            deviation: (dim,), of the model's embeddings.
        """
        places, dims, effects = [], [], []
        known: dict[tuple[int, bytes], Array] = {}
        for number, (rung, dim) in enumerate(zip(symbols.rungs.tolist(), symbols.dims.tolist(), strict=True)):
            bits = _bits(symbols, number)
            for place in np.unique(bits[bits >= 0] // 8).tolist():
                inside = np.where(bits // 8 == place, bits % 8, np.where(bits < 0, -1, 8))
                key = (rung, inside.tobytes())
                if key not in known:
                    known[key] = _effect(trellis.tables[rung - 1] * trellis.gains[rung], inside)
                for each, effect in enumerate(known[key], dim):
                    places.append(place)
                    dims.append(each)
                    effects.append(effect * deviation[each])
        order = np.argsort(places, kind="stable")
        return cls(np.array(places)[order], np.array(dims)[order], np.stack(effects)[order])

    def tables(self, query: Array) -> Array:
        """What every value of every byte adds to the product with a query (dim,): (bytes, 256)."""
        first = np.searchsorted(self.places, np.arange(self.places[-1] + 1))
        return np.add.reduceat(query[self.dims, None] * self.effects, first, axis=0)


def found_after_sieve(codec: "TrellisCodec", queries: Array, codes: Bytes, k: int) -> tuple[Rows, Array]:
    """Row numbers (queries, k) and cosines (queries, k) of the nearest codes (rows, bytes); `k` is at most the rows."""
    found = [_search(codec, query, codes, k) for query in queries]
    if not found:
        return np.empty((0, k), np.int64), np.empty((0, k), np.float32)
    rows, cosines = (np.concatenate(each) for each in zip(*found, strict=True))
    return rows, cosines


def _search(codec: "TrellisCodec", query: Array, codes: Bytes, k: int) -> tuple[Rows, Array]:
    """The nearest codes (rows, bytes) to a query (dim,): row numbers (1, k) and cosines (1, k)."""
    tables = codec.sieve.tables(query)
    sample = codes[:: max(1, len(codes) // _SAMPLE)]
    cosines = codec.score(query[None], sample)[0]
    slope, margin = _fitted(cosines, _sums(tables, sample))
    least = np.sort(cosines)[-k] if k <= len(cosines) else -np.inf
    best = np.empty((1, 0), np.int64), np.empty((1, 0), np.float32)
    for first in range(0, len(codes), _WINDOW_ROWS):
        window = codes[first : first + _WINDOW_ROWS]
        if best[1].shape[1] == k:
            least = max(least, best[1][0, -1])
        near = np.flatnonzero(_sums(tables, window) + margin >= slope * least)
        best = merge([best, (near[None] + first, codec.score(query[None], window[near]))], k)
    return best


def _fitted(cosines: Array, sums: Array) -> tuple[float, float]:
    """What the first pass gives for a code of a cosine: `slope * cosine - margin` at least.

    Sums vary less than cosines, so a near code seems farther than it is, and the slope is below 1.

    Args:
        cosines: (rows,) of some codes.
        sums: (rows,) that the first pass gives for them.

    Returns:
        The slope and the margin.
    """
    centred, variance = cosines - cosines.mean(), float(cosines.var())
    slope = float(centred @ sums) / len(sums) / variance if variance > 1e-9 else 1.0
    errors = sums - slope * cosines
    return slope, float(_DEVIATIONS * errors.std() - errors.mean()) + 1e-5


def _sums(tables: Array, codes: Bytes) -> Array:
    """Sums (rows,) of the entries of tables (bytes, 256) for codes (rows, bytes)."""
    total = np.zeros(len(codes), np.float32)
    for table, column in zip(tables, np.ascontiguousarray(codes.T), strict=True):
        total += table[column]
    return total


def _bits(symbols: Symbols, number: int) -> npt.NDArray[np.intp]:
    """The places in a code of the bits that the values of a symbol follow from; -1 for one before its beginning.

    First the bits of the pick, the highest first, then those of the window in the same order.
    """
    own = symbols.bits[number]
    earlier = [symbols.bits[number - age] if number >= age else -1 for age in range(MEMORY, 0, -1)]
    return np.array([*range(own + 1, own + LADDER[symbols.rungs[number]].bits), own, *earlier])


def _effect(table: Array, inside: npt.NDArray[np.intp]) -> Array:
    """The main effects (dims, 256) of a byte on the values of a symbol.

    Args:
        table: values (picks, dims, windows or cosets).
        inside: the places (bits,) in the byte of the bits that `_bits` lists; 8 for bits of other bytes, and -1 for
            those that are always 0.
    """
    whole = table if table.shape[2] == WINDOWS else table[:, :, cosets()]
    values = np.moveaxis(whole, 1, 0).reshape(-1, *[2] * len(inside))  # (dims, 2, ..., 2)
    values = values[(slice(None), *(slice(0, 1) if place < 0 else slice(None) for place in inside))]
    mean = values.mean(axis=tuple(1 + np.flatnonzero((inside < 0) | (inside == 8))))
    mine = inside[(inside >= 0) & (inside < 8)]
    picked = mean[(slice(None), *(_VALUES >> 7 - place & 1 for place in mine))]  # (dims, 256)
    return np.asarray(picked - values.reshape(len(values), -1).mean(axis=1, keepdims=True), np.float32)
