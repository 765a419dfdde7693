"""Rounding to int8: the range of an input, measured on real vectors, and the scales of weights."""

from dataclasses import dataclass

import numpy as np

from linguagen.runtime.vectors import Array

_OUTLIER_FACTOR = 4.0
"""A dimension whose largest value is this many times the median dimension's would stretch int8's range for all."""
_MOST_OUTLIERS = 16
"""The most dimensions that are left out of int8: each costs a multiplication in float32."""
EIGHT_BITS, SEVEN_BITS = 127, 64
"""The integer for the largest weight of a column.

Without VNNI, x86 processors add two products of an unsigned and a signed byte in 16 bits, and cut off what does not
fit. With seven bits two products always fit (2 x 255 x 64 is below 32,768), so that integer products are exact on every
processor.
"""


@dataclass(frozen=True)
class Calibration:
    """How the input of a graph's first product is rounded to int8: statically, symmetrically, with one scale."""

    rows: int
    """Vectors that the range was measured on."""
    input_scale: float
    """Size of one int8 step."""
    float32_dimensions: tuple[int, ...]
    """Input dimensions that stay in float32 (after LLM.int8(), arXiv 2208.07339, section 3.2)."""


def calibrate(vectors: Array) -> Calibration:
    """Measure the range of real vectors.

    Args:
        vectors: training vectors (rows, width), unit length.
    """
    largest = np.abs(vectors).max(axis=0)  # (width,)
    order = np.argsort(-largest, kind="stable")[:_MOST_OUTLIERS]
    outliers = [int(dimension) for dimension in order if largest[dimension] > _OUTLIER_FACTOR * np.median(largest)]
    return Calibration(len(vectors), float(np.delete(largest, outliers).max()) / 127, tuple(outliers))


def round_columns(
    weights: Array, largest: int = EIGHT_BITS
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.int8]], Array]:
    """Round weights to int8, with one symmetric scale per output.

    Args:
        weights: (inputs, outputs).
        largest: the integer for the largest weight of a column; SEVEN_BITS for weights of an integer product.

    Returns:
        The int8 weights (inputs, outputs) and the scales (outputs,).
    """
    scales = np.abs(weights).max(axis=0) / largest  # (outputs,)
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    return np.round(weights / scales).astype(np.int8), scales
