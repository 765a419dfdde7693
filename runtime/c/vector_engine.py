"""A vector model in the C library."""

import numpy as np

from linguagen.runtime.native import run_parts
from linguagen.runtime.vectors import Array

_LEAST_ROWS = 64
"""Rows for a thread, at least."""


class VectorEngine:
    """A vector model in the C library; needs `native.has_library()`. Threads can share one; it pickles as its table."""

    def __init__(self, table: bytes, threads: int) -> None:
        """Open a model.

        Args:
            table: what `vector_table` returns.
            threads: CPU threads for one call.
        """
        from linguagen._c import Model

        self._settings = (table, threads)
        self._model = Model(table)

    def run(self, rows: Array) -> Array:
        """Embeddings (rows, output_dim) of rows (rows, input_dim), which are contiguous and have length 1."""
        embeddings = np.empty((len(rows), self._model.output_dim), np.float32)
        if len(rows) < 2 * _LEAST_ROWS:
            self._model.encode(rows, embeddings)
        else:
            run_parts(
                lambda first, end: self._model.encode(rows[first:end], embeddings[first:end]),
                len(rows),
                self._settings[1],
                _LEAST_ROWS,
            )
        return embeddings

    def __reduce__(self) -> tuple[type["VectorEngine"], tuple[bytes, int]]:
        return VectorEngine, self._settings
