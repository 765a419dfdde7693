"""The table of a text model, which the C library reads in place; docs/c.md describes its bytes."""

import struct

import numpy as np

from linguagen.runtime.c.table import table_of
from linguagen.runtime.c.text_weights import ZERO, TextWeights
from linguagen.runtime.c.vector_table import padded_rows


def text_table(weights: TextWeights) -> bytes:
    """The table of a text model."""
    manifest, unigram = weights.manifest, weights.unigram
    directions, layers, hidden = weights.keep.shape if weights.keep.size else (0, 0, 0)
    letters = b"".join(unigram.words)
    fields = struct.pack(
        "<8I3f4I",
        *(manifest.pieces, weights.rows.shape[1], manifest.output_dim, hidden, directions, layers, weights.reversed),
        bool(weights.step),
        *(weights.step, unigram.unknown_score, weights.power),
        *(len(unigram.words), len(unigram.map) // 4, len(unigram.replacements), len(letters)),
    )
    ends = np.cumsum([len(word) for word in unigram.words]).astype("<u4")
    sections = [
        padded_rows(weights.rows, ZERO).tobytes(),
        weights.importance.tobytes(),
        padded_rows(weights.wide, 0).tobytes(),
        (weights.scales * np.float32(weights.step)).tobytes(),
        (weights.wide if len(weights.scales) else weights.wide[:0]).sum(axis=1, dtype="<i4").tobytes(),
        *(part.tobytes() for part in (weights.keep, weights.deeper, weights.out)),
        unigram.map,
        unigram.replacements,
        ends.tobytes(),
        letters,
        *(part.tobytes() for part in (unigram.numbers, unigram.scores, unigram.bytes_)),
    ]
    return table_of("text", manifest.file_sha256, manifest.name, fields.ljust(64, b"\0"), sections)
