"""Exact search over codes: with the C library, or with numpy where an installation has no library."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import UsageError, VectorError
from linguagen.runtime.native import has_library, run_parts
from linguagen.runtime.vectors import Array, check_layout, unit_rows

if TYPE_CHECKING:
    from linguagen.runtime.codes.codec import Codec, Codes
    from linguagen.runtime.codes.trellis import TrellisCodec

Rows = npt.NDArray[np.int64]

_WINDOW_ROWS = 8192
"""Codes that numpy decodes at a time."""
_LENGTH_FREE = ("float32", "float16", "int8", "uint8")
"""Kinds for which C needs no lengths of what codes stand for."""
_LEAST_ROWS = 16_384
"""Codes for a thread, at least."""


def search_codes(codec: "Codec", queries: Array, codes: "Codes", k: int, threads: int) -> tuple[Rows, Array]:
    """Find the codes nearest to queries; arguments, results and errors are those of `Codec.search`.

    Args:
        codec: what wrote the codes.
        queries: (queries, model's dim).
        codes: (rows, codec's columns).
        k: how many to find for each query.
        threads: CPU threads.
    """
    unit = check_search(codec, queries, codes, k, threads)
    codes, k = np.ascontiguousarray(codes), min(k, len(codes))
    return _found_by_c(codec, unit, codes, k, threads) if has_library() else found_by_numpy(codec, unit, codes, k)


def check_search(codec: "Codec | TrellisCodec", queries: Array, codes: "Codes", k: int, threads: int) -> Array:
    """Check the arguments of `search_codes`; returns the queries (queries, model's dim), each of length 1."""
    if k < 1 or threads < 1:
        raise UsageError(f"k is {k} and threads is {threads}, expected 1 or more of both")
    check_layout(queries.shape, queries.dtype, None, "queries")
    if queries.shape[1] < codec.dim:
        raise VectorError(
            f"queries: width {queries.shape[1]}, but the codes hold {codec.dim} dimensions; use whole embeddings"
        )
    if codes.ndim != 2 or codes.shape[1] != codec.columns or codes.dtype != codec.dtype:
        raise VectorError(
            f"codes: shape {codes.shape} of {codes.dtype}, expected (rows, {codec.columns}) of {codec.dtype}; "
            "give them as encode wrote them"
        )
    return unit_rows(queries, 0, "queries")[0]


def merge(found: list[tuple[Rows, Array]], k: int) -> tuple[Rows, Array]:
    """The best of what was found in consecutive parts of the codes.

    Args:
        found: row numbers (queries, some) and cosines (queries, some) for each part, in the order of the parts.
        k: how many to keep.

    Returns:
        Row numbers (queries, k) and cosines (queries, k), nearest first, and the lower row first if two are equal.
    """
    rows, cosines = (np.concatenate(each, axis=1) for each in zip(*found, strict=True))
    best = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(rows, best, axis=1), np.take_along_axis(cosines, best, axis=1)


def _nothing(queries: int) -> tuple[Rows, Array]:
    """No row and no cosine for each query."""
    return np.empty((queries, 0), np.int64), np.empty((queries, 0), np.float32)


def _found_by_c(codec: "Codec", queries: Array, codes: "Codes", k: int, threads: int) -> tuple[Rows, Array]:
    """Row numbers (queries, k) and cosines (queries, k) of the nearest codes (rows, columns), by the C library."""
    library = codec.library(queries.shape[1])
    found: dict[int, tuple[Rows, Array]] = {0: _nothing(len(queries))}

    def search(first: int, end: int) -> None:
        """Search one part."""
        shape = (len(queries), min(k, end - first))
        rows, cosines = np.empty(shape, np.int64), np.empty(shape, np.float32)
        lengths = None
        if len(queries) > 1 and codec.kind not in _LENGTH_FREE:  # measured once for all queries
            lengths = np.empty(end - first, np.float32)
            library.lengths(codes[first:end], lengths)
        library.search(queries, codes[first:end], lengths, rows, cosines)
        found[first] = rows + first, cosines

    if k:
        run_parts(search, len(codes), threads, _LEAST_ROWS)
    return merge([found[first] for first in sorted(found)], k)


def found_by_numpy(codec: "Codec | TrellisCodec", queries: Array, codes: "Codes", k: int) -> tuple[Rows, Array]:
    """Like `_found_by_c`, but with `Codec.score`, window by window."""
    best = _nothing(len(queries))
    for first in range(0, len(codes), _WINDOW_ROWS):
        cosines = codec.score(queries, codes[first : first + _WINDOW_ROWS])  # (queries, rows of the window)
        rows = np.broadcast_to(np.arange(first, first + cosines.shape[1]), cosines.shape)
        best = merge([best, (rows, cosines)], k)
    return best
