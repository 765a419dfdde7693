"""The bytes of a table, which the C library reads in place; docs/c.md describes them."""

import struct

import numpy as np
import numpy.typing as npt

from linguagen.runtime.c.weights import VectorWeights
from linguagen.runtime.codes.codec import Codec

MAGIC = b"LGTABLE\n"
VERSION = 1
_HEADER = 192
_CHECKED = 32
"""The checksum covers all bytes from here on."""
_ALIGNMENT = 64
_STRIDE = 32
"""Rows of int8 weights are filled with zeros to a multiple of this many bytes: one AVX2 register."""
_LEAST_WIDTH = 32
"""Codes of fewer dimensions keep too few neighbours to be worth a record."""
_NAME_BYTES = 63


def table_bytes(weights: VectorWeights) -> bytes:
    """The table of a model."""
    manifest, codecs = weights.manifest, _codecs(weights)
    sections = [
        _padded_rows(weights.linear).tobytes(),
        (weights.scales * np.float32(weights.input_scale)).tobytes(),
        *(part.tobytes() for part in (weights.outliers, weights.outlier_weights, weights.deeper, weights.head)),
        b"".join(codecs),
        weights.sums.tobytes(),
    ]
    offsets, body = _placed(sections)
    sizes = (
        manifest.input_dim,
        manifest.output_dim,
        weights.units,
        len(weights.deeper),
        int(bool(weights.scales.size)),
    )
    checked = struct.pack(
        "<32s64s6IfI8I",
        bytes.fromhex(manifest.graph_sha256),
        manifest.name.encode()[:_NAME_BYTES].decode(errors="ignore").encode(),
        *(*sizes, len(weights.outliers)),
        weights.input_scale,
        len(codecs),
        *offsets,
    )
    rest = checked + body
    start = struct.pack("<8sIIQQ", MAGIC, VERSION, 0, _CHECKED + len(rest), checksum(rest))
    return start + rest


def checksum(data: bytes) -> int:
    """FNV-1a over little-endian words of 8 bytes (Fowler, Noll and Vo): a change of any one word changes it."""
    value = 0xCBF29CE484222325
    for word in np.frombuffer(data, "<u8").tolist():
        value = (value ^ word) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


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


def _padded_rows(linear: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Rows (columns, input_dim) of int8 weights with zeros after them; rows of floats as they are."""
    missing = -linear.shape[1] % _STRIDE if linear.dtype == np.int8 else 0
    return np.pad(linear, ((0, 0), (0, missing)))


def _placed(sections: list[bytes]) -> tuple[list[int], bytes]:
    """Offsets of sections from the start of the file, and their bytes, each filled with zeros to the alignment."""
    offsets, parts, place = [], [], _HEADER
    for section in sections:
        offsets.append(place)
        parts.append(section + bytes(-len(section) % _ALIGNMENT))
        place += len(parts[-1])
    return offsets, b"".join(parts)
