"""Embeddings in any number of bytes: dimensions of falling energy share a stream of bits through a trellis.

For each number of bytes, reverse water-filling deals bits to dimensions (Cover and Thomas, "Elements of information
theory", section 10.3.3); a trellis of 256 states then keeps 1 to 2 more points of recall than rounding each dimension
by itself with the same bits. models/manifests/trellis.py says what a code is made of.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import UsageError
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.manifests.trellis import LADDER, LEAST_BYTES, MEMORY, WINDOWS, Symbols, Trellis, columns, cosets
from linguagen.runtime.codes.search import Rows, check_search, found_by_numpy
from linguagen.runtime.codes.sieve import LEAST_ROWS, Sieve, found_after_sieve
from linguagen.runtime.codes.viterbi import best_picks, best_windows
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.native import has_library
from linguagen.runtime.vectors import Array, normalized

if TYPE_CHECKING:
    from linguagen import _c

Bytes = npt.NDArray[np.uint8]

KIND = "trellis"
_ROWS = 32
"""Rows that are encoded at a time: their costs stay in the cache."""


@dataclass(frozen=True, eq=False)
class TrellisCodec:
    """Turns embeddings of one model into codes of one number of bytes, and back."""

    trellis: Trellis
    mean: Array  # (dim,)
    deviation: Array  # (dim,)
    bytes_per_row: int
    """Bytes that the codes of one embedding take."""
    kind: str = KIND
    dtype: np.dtype[np.generic] = np.dtype("u1")  # noqa: RUF009

    def __repr__(self) -> str:
        return f"TrellisCodec({self.dim} dimensions, {self.bytes_per_row} bytes per row)"

    @classmethod
    def make(cls, size: int, trellis: Trellis, moments: EmbeddingMoments) -> "TrellisCodec":
        """Make the codec of a model for one number of bytes.

        Args:
            size: bytes for one embedding.
            trellis: of the model.
            moments: mean and variances of the model's embeddings.

        Raises:
            UsageError: there are no codes of this size.
        """
        if not LEAST_BYTES <= size <= trellis.most_bytes:
            raise UsageError(f"--bytes is {size}, expected {LEAST_BYTES} to {trellis.most_bytes}")
        return cls(trellis, moments.mean, moments.deviation, size)

    @property
    def dim(self) -> int:
        """Numbers in an embedding."""
        return len(self.mean)

    @property
    def columns(self) -> int:
        """Elements in the codes of one embedding."""
        return self.bytes_per_row

    @cached_property
    def _symbols(self) -> Symbols:
        """The symbols that the bits of a code stand for."""
        return self.trellis.symbols(self.bytes_per_row)

    @cached_property
    def sieve(self) -> Sieve:
        """The first pass of a search over codes of this size."""
        return Sieve.make(self.trellis, self._symbols, self.deviation)

    @cached_property
    def _library(self) -> "_c.Trellis | None":
        """The trellis in the C library, which writes the same bytes 10 times as fast; None without the library."""
        if not has_library():
            return None
        from linguagen import _c

        numbers = (self.mean, self.deviation, self.trellis.weights, self.trellis.gains, *self.trellis.tables)
        floats = np.concatenate([each.ravel() for each in numbers]).astype(np.float32)
        return _c.Trellis(self.dim, floats, self.trellis.order)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what is in the C library, which does not pickle."""
        return {name: value for name, value in vars(self).items() if name != "_library"}

    def encode(self, embeddings: Array) -> Bytes:
        """Codes (rows, bytes_per_row) of embeddings (rows, dim) of length 1."""
        codes = np.empty((len(embeddings), self.bytes_per_row), np.uint8)
        if self._library is not None:
            self._library.encode(self.bytes_per_row, np.ascontiguousarray(embeddings, np.float32), codes)
            return codes
        for first in range(0, len(embeddings), _ROWS):
            levels = (embeddings[first : first + _ROWS] - self.mean) / self.deviation
            codes[first : first + _ROWS] = self._pack(levels, best_windows(self.trellis, self._symbols, levels))
        return codes

    def decode(self, codes: npt.NDArray[np.generic]) -> Array:
        """The embeddings (rows, dim), each of length 1, that codes (rows, bytes_per_row) stand for."""
        if self._library is not None:
            found = np.empty((len(codes), self.dim), np.float32)
            self._library.decode(self.bytes_per_row, np.ascontiguousarray(codes, np.uint8), found)
            return found
        symbols, bits = self._symbols, np.unpackbits(np.ascontiguousarray(codes, np.uint8), axis=1)
        windows = self._windows(bits)
        rows = np.zeros((len(codes), self.dim), np.float32)
        for rung in np.unique(symbols.rungs).tolist():
            mine, table = np.flatnonzero(symbols.rungs == rung), self.trellis.tables[rung - 1]
            picks = np.zeros((len(codes), len(mine)), np.intp)
            for place in range(1, LADDER[rung].bits):
                picks = picks << 1 | bits[:, symbols.bits[mine] + place]
            column = windows[:, mine] if columns(LADDER[rung]) == WINDOWS else cosets()[windows[:, mine]]
            for number in range(LADDER[rung].dims):
                rows[:, symbols.dims[mine] + number] = table[picks, number, column] * self.trellis.gains[rung]
        return normalized(rows * self.deviation + self.mean)

    def score(self, queries: Array, codes: npt.NDArray[np.generic]) -> Array:
        """Cosines (queries, rows) of float queries (queries, dim) with what codes (rows, columns) stand for."""
        return np.asarray(queries @ self.decode(codes).T, dtype=np.float32)

    def search(
        self, queries: Array, codes: npt.NDArray[np.generic], k: int = 10, threads: int | None = None
    ) -> tuple[Rows, Array]:
        """Find the codes (rows, columns) nearest to queries (queries, dim) by cosine; arguments as in `Codec.search`.

        Among many codes, those are not decoded that a first pass finds far away: see sieve.py. It has missed 1 of
        1,000 neighbours at 32 bytes, and none of 4,000 at 128. Threads are not used.
        """
        unit = check_search(self, queries, codes, k, usable_cores() if threads is None else threads)
        whole, k = np.ascontiguousarray(codes, np.uint8), min(k, len(codes))
        if len(codes) <= LEAST_ROWS:
            return found_by_numpy(self, unit, whole, k)
        return found_after_sieve(self, unit, whole, k)

    def _windows(self, bits: Bytes) -> npt.NDArray[np.intp]:
        """The window (rows, symbols) of every symbol, from the bits (rows, 8 x bytes) of codes."""
        first = np.pad(bits[:, self._symbols.bits], ((0, 0), (MEMORY, 0))).astype(np.intp)  # (rows, 8 + symbols)
        count = len(self._symbols.bits)
        windows = first[:, MEMORY:] << MEMORY
        for age in range(1, MEMORY + 1):
            windows |= first[:, MEMORY - age : MEMORY - age + count] << age - 1
        return windows

    def _pack(self, levels: Array, windows: npt.NDArray[np.intp]) -> Bytes:
        """Codes (rows, bytes) of levels (rows, dim) whose windows (rows, symbols) are known."""
        symbols, rows = self._symbols, len(levels)
        bits = np.zeros((rows, 8 * self.bytes_per_row), np.uint8)
        bits[:, symbols.bits] = windows >> MEMORY
        for rung in np.unique(symbols.rungs).tolist():
            mine, (dims, length, _) = np.flatnonzero(symbols.rungs == rung), LADDER[rung]
            if length > 1:
                values = levels[:, symbols.dims[mine, None] + np.arange(dims)].reshape(-1, dims)
                picks = best_picks(self.trellis, rung, values, windows[:, mine].ravel()).reshape(rows, -1)
                for place in range(1, length):
                    bits[:, symbols.bits[mine] + place] = picks >> length - 1 - place & 1
        return np.packbits(bits, axis=1)
