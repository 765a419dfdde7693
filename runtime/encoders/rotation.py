"""The way back from embeddings of whole width: the transposed rotation, in numpy."""

import numpy as np

from linguagen.models.onnx_file import read_initialisers
from linguagen.runtime.vectors import Array, normalized

WEIGHT, SCALE = "linear_weight_int8", "linear_weight_scale"
"""Names of the rotation in the graph: int8 numbers (width, dim), and the size of one step of each column (dim,)."""


class TransposedRotation:
    """Turns embeddings of a model that only rotates back into vectors; used like an engine."""

    device = "cpu"

    def __init__(self, data: bytes) -> None:
        """Keep the bytes of a checked model file; `load` reads its weights."""
        self._data = data
        self._matrix: Array | None = None

    def load(self) -> None:
        """Read the weights, unless this is done already."""
        if self._matrix is None:
            stored = read_initialisers(self._data)
            self._matrix = np.ascontiguousarray(
                (stored[WEIGHT].astype(np.float32) * stored[SCALE].astype(np.float32)).T
            )

    def run(self, rows: Array) -> Array:
        """Vectors (rows, width) of length 1 from embeddings (rows, dim)."""
        self.load()
        assert self._matrix is not None
        return normalized(rows @ self._matrix)
