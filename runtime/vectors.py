"""Checks that arrays are usable vectors (two dimensions, the right width, finite, no zero rows), and scales rows."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import VectorError

Array = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

FLOAT_TYPES = ("float16", "float32", "float64")
_FLOATS = (np.float16, np.float32, np.float64)
CHUNK_ROWS = 1024
"""Rows read and computed at a time: 512 to 2048 are fastest in onnxruntime, and memory stays flat for any input."""
UNIT_TOLERANCE = 1e-3
"""Rows whose length is this close to 1 stay as they are: storage as float16 already changes it by 2e-4."""


def check_layout(
    shape: tuple[int, ...],
    dtype: np.dtype[np.generic],
    width: int | None,
    origin: str,
    types: Sequence[str] = FLOAT_TYPES,
) -> None:
    """Refuse an array that cannot be vectors (rows, width), before any of it is read.

    Args:
        shape: the array's shape.
        dtype: its element type, of any byte order.
        width: how many numbers a vector must have; None for any.
        origin: the file or argument it came from, for the message.
        types: the element types that are accepted.

    Raises:
        VectorError: the shape, width or element type is wrong.
    """
    if not (types is FLOAT_TYPES and dtype.type in _FLOATS) and dtype.name not in types:  # names take microseconds
        hint = "save the vectors as floats" if types is FLOAT_TYPES else "give the codes as they were written"
        raise VectorError(f"{origin}: holds {dtype} values, expected {', '.join(types)}; {hint}")
    if len(shape) != 2:
        hint = "; for a single vector use vectors[None, :]" if len(shape) == 1 else ""
        raise VectorError(f"{origin}: has {len(shape)} dimension(s), shape {shape}; expected (rows, width){hint}")
    if width is not None and shape[1] != width:
        raise VectorError(
            f"{origin}: vectors of width {shape[1]}, but the model takes width {width}; "
            "use the model of the teacher that made these vectors"
        )


def unit_rows(chunk: npt.NDArray[np.floating], numbers: int | Indices, origin: str) -> tuple[Array, int]:
    """Return rows as contiguous float32 of length 1, and refuse rows that have no direction.

    Only cosines are kept, so the length of a row carries no information: rows whose length differs from 1 by more than
    `UNIT_TOLERANCE` are divided by it, and counted, so that callers can report them.

    Args:
        chunk: (rows, width), a layout that `check_layout` passed.
        numbers: the numbers (rows,) of the rows in the whole input, or that of the first if they are consecutive; for
            messages.
        origin: the file or argument it came from, for messages.

    Returns:
        The rows (rows, width), and how many of them were not of length 1.

    Raises:
        VectorError: a row holds NaN or infinity, or is zero; the message has the row numbers.
    """
    with np.errstate(over="ignore"):  # what float32 cannot hold is looked at again as it came
        rows = np.ascontiguousarray(chunk, dtype=np.float32)
    # One query at a time: this takes a tenth of the time of what follows.
    if len(rows) == 1 and abs(float(np.vdot(rows, rows)) - 1) < UNIT_TOLERANCE:
        return rows, 0
    squared = np.einsum("ij,ij->i", rows, rows)  # (rows,)
    if np.all(np.abs(squared - 1) < UNIT_TOLERANCE):  # the usual case; false for NaN
        return rows, 0
    if not np.all(np.isfinite(squared) & (squared > np.float32(1e-30))):  # bad, or squares beyond float32
        _refuse_rows(~np.isfinite(chunk).all(axis=1), numbers, origin, "NaN or infinite values")
        _refuse_rows(~(chunk != 0).any(axis=1), numbers, origin, "only zeros, which have no direction")
        return _scaled(chunk), len(rows)
    lengths = np.sqrt(squared)
    off = np.abs(lengths - 1) > UNIT_TOLERANCE / 2
    return np.asarray(np.where(off[:, None], rows / lengths[:, None], rows), dtype=np.float32), int(off.sum())


def _scaled(rows: npt.NDArray[np.floating]) -> Array:
    """Finite rows (rows, width) of any size, none of them zero, each divided by its length, as float32.

    Each is first divided by its largest number, so that no square is too large or too small even for float64.
    """
    wide = np.asarray(rows, dtype=np.float64)
    wide = wide / np.abs(wide).max(axis=1, keepdims=True)
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True), dtype=np.float32)


def normalized(rows: npt.NDArray[np.floating]) -> Array:
    """Rows (rows, width), each divided by its length, as float32; a row of zeros stays zeros."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(min=1e-12), dtype=np.float32)


def listed(numbers: Sequence[int] | Indices) -> str:
    """The first ten of some row numbers (count,), for messages."""
    return ", ".join(map(str, numbers[:10])) + (", ..." if len(numbers) > 10 else "")


def _refuse_rows(bad: npt.NDArray[np.bool_], numbers: int | Indices, origin: str, what: str) -> None:
    """Raise VectorError with the numbers of the rows that are True in `bad` (rows,), if there are any."""
    if bad.any():
        refused = np.flatnonzero(bad) + numbers if isinstance(numbers, int) else numbers[bad]
        raise VectorError(
            f"{origin}: {len(refused)} row(s) hold {what}: row {listed(refused)} (counted from 0); "
            "remove them or embed those texts again"
        )


def bad_rows(chunk: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """True for each row (rows,) of (rows, width) that `unit_rows` would refuse: not finite, or all zeros."""
    return np.asarray(~np.isfinite(chunk).all(axis=1) | ~(chunk != 0).any(axis=1))
