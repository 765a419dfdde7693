"""Arrays of floats as JSON values, as manifests hold them."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def encode_array(array: Array, dtype: str) -> dict[str, Any]:
    """An array as JSON-ready values: its type, its shape, its bytes in base64."""
    data = base64.b64encode(np.ascontiguousarray(array, dtype=dtype).tobytes()).decode("ascii")
    return {"dtype": dtype, "shape": list(array.shape), "base64": data}


def decode_array(document: Mapping[str, Any]) -> Array:
    """What `encode_array` wrote, as float32.

    Raises:
        KeyError, TypeError, ValueError: the document is not one of these.
    """
    flat = np.frombuffer(base64.b64decode(document["base64"], validate=True), dtype=np.dtype(document["dtype"]))
    return flat.reshape(document["shape"]).astype(np.float32)
