"""The table of a vector model, which the C library reads in place; docs/c.md describes its bytes."""

import struct

import numpy as np
import numpy.typing as npt

from linguagen.runtime.c.table import STRIDE, table_of
from linguagen.runtime.c.vector_weights import VectorWeights
from linguagen.runtime.codes.codec import Codec

_LEAST_WIDTH = 32
"""Codes of fewer dimensions keep too few neighbours to be worth a record."""


def vector_table(weights: VectorWeights) -> bytes:
    """The table of a vector model."""
    manifest, codecs = weights.manifest, _codecs(weights)
    fields = struct.pack(
        "<6IfI",
        *(manifest.input_dim, manifest.output_dim, weights.units, len(weights.deeper), bool(weights.scales.size)),
        len(weights.outliers),
        weights.input_scale,
        len(codecs),
    )
    sections = [
        padded_rows(weights.linear, 0).tobytes(),
        (weights.scales * np.float32(weights.input_scale)).tobytes(),
        *(part.tobytes() for part in (weights.outliers, weights.outlier_weights, weights.deeper, weights.head)),
        b"".join(codecs),
        weights.sums.tobytes(),
    ]
    return table_of("vectors", manifest.file_sha256, manifest.name, fields, sections)


def code_widths(dim: int) -> list[int]:
    """The widths of codes that a table has: that of the embeddings, and its halves down to 32, in whole bytes."""
    widths = [dim] if dim % 8 == 0 else []
    while widths and widths[-1] % 16 == 0 and widths[-1] // 2 >= _LEAST_WIDTH:
        widths.append(widths[-1] // 2)
    return widths


def _codecs(weights: VectorWeights) -> list[bytes]:
    """A record for each width: the width, the deviation for int8, and means and deviations for smaller codes."""
    records = []
    for width in code_widths(weights.manifest.output_dim):
        eight, four = (Codec.make(kind, width, weights.manifest.embedding_moments) for kind in ("int8", "int4"))
        scalars = struct.pack("<If", width, eight.deviation[0])
        records.append(scalars + four.mean.astype("<f4").tobytes() + four.deviation.astype("<f4").tobytes())
    return records


def padded_rows(rows: npt.NDArray[np.generic], filling: int) -> npt.NDArray[np.generic]:
    """Rows (rows, width) of bytes, each filled up to a multiple of STRIDE; rows of floats as they are."""
    missing = -rows.shape[1] % STRIDE if rows.dtype.itemsize == 1 else 0
    return np.pad(rows, ((0, 0), (0, missing)), constant_values=filling)
