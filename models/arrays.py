"""Arrays of floats as JSON values, as manifests hold them."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


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
        KeyError, TypeError, ValueError: the document does not hold an array.
    """
    flat = np.frombuffer(base64.b64decode(document["base64"], validate=True), dtype=np.dtype(document["dtype"]))
    return flat.reshape(document["shape"]).astype(np.float32)
