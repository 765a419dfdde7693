"""Arrays of floats as JSON values, as manifests hold them."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
_TYPES = ("<f2", "<f4", "<u2")


def encode_array(array: Array, dtype: str) -> dict[str, Any]:
    """An array of any shape as JSON-ready values: its type, its shape, and its bytes in base64.

    Args:
        array: any shape.
        dtype: numpy's name of the type to store, such as `<f2`.
    """
    data = base64.b64encode(np.ascontiguousarray(array, dtype=dtype).tobytes()).decode("ascii")
    return {"dtype": dtype, "shape": list(array.shape), "base64": data}


def decode_array(document: Mapping[str, Any]) -> Array:
    """Read what `encode_array` wrote, as float32 in the stored shape.

    Raises:
        KeyError, TypeError, ValueError: the document does not hold an array of finite floats that fill its shape.
    """
    dtype, shape = document["dtype"], document["shape"]
    if dtype not in _TYPES:
        raise ValueError(f"an array of type {dtype!r:.40}, expected one of {', '.join(_TYPES)}")
    if not isinstance(shape, list) or any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"an array of shape {shape!r:.40}, expected a list of sizes")
    flat = np.frombuffer(base64.b64decode(document["base64"], validate=True), dtype=dtype)
    if not np.isfinite(flat).all():
        raise ValueError("an array with numbers that are NaN or infinite")
    return flat.reshape(shape).astype(np.float32)
