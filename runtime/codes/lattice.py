"""The 256 directions in eight dimensions that the bytes of an `e8` code stand for.

They are the 240 shortest vectors of the lattice E8 (Conway and Sloane, "Sphere packings, lattices and groups",
chapter 4, section 8.1) and the 16 half-axes, which point into that lattice's deepest holes. For a Gaussian their
squared error is 0.320 of the variance; eight signs leave 0.363, and 256 trained centroids leave about 0.320 too.
"""

from functools import cache
from itertools import combinations, product

import numpy as np
import numpy.typing as npt

from linguagen.models.arrays import Array

BLOCK = 8
"""Dimensions in a byte: byte b of D/8 holds b, b + D/8, b + 2 D/8, ..., since neighbouring dimensions vary together."""
GAUSSIAN_LENGTH = 2.3325
"""Mean product of eight standard Gaussians with the nearest direction: the length that decodes with least error."""
_CHUNK = 1 << 15


@cache
def directions() -> Array:
    """The 256 directions (256, 8), unit length, in the order of their codes: 112 pairs, 128 halves, 16 half-axes."""
    signs = (1, -1)
    pairs = [
        [a if k == i else b if k == j else 0 for k in range(BLOCK)]
        for i, j in combinations(range(BLOCK), 2)
        for a in signs
        for b in signs
    ]
    halves = [half for half in product((0.5, -0.5), repeat=BLOCK) if sum(value < 0 for value in half) % 2 == 0]
    axes = [[a * 2**0.5 if k == i else 0 for k in range(BLOCK)] for i in range(BLOCK) for a in signs]
    return np.asarray([*pairs, *halves, *axes], dtype=np.float32) / np.float32(2**0.5)


def nearest_directions(levels: Array) -> npt.NDArray[np.uint8]:
    """The codes (rows, dim / 8) of standardised dimensions (rows, dim)."""
    blocks = levels.reshape(len(levels), BLOCK, -1).swapaxes(1, 2).reshape(-1, BLOCK)
    codes = np.empty(len(blocks), dtype=np.uint8)
    for start in range(0, len(blocks), _CHUNK):
        codes[start : start + _CHUNK] = (blocks[start : start + _CHUNK] @ directions().T).argmax(axis=1)
    return codes.reshape(len(levels), -1)


def directed_levels(codes: npt.NDArray[np.uint8]) -> Array:
    """The standardised dimensions (rows, 8 x columns) that codes (rows, columns) stand for."""
    blocks = (directions() * np.float32(GAUSSIAN_LENGTH))[codes]  # (rows, columns, 8)
    return np.asarray(blocks.swapaxes(1, 2).reshape(len(codes), -1))
