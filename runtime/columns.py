"""Columns of data frames and arrays of other libraries, as the numpy arrays and lists that the models take.

No library is imported for this: pandas, polars, Arrow and torch all hand their data to numpy, and what differs is only
how a column of lists arrives.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import TextError, VectorError

_TO_LIST = ("to_pylist", "to_list", "tolist")
"""What Arrow, polars and pandas, and numpy call the method that gives a Python list."""


def vector_rows(data: Any, origin: str) -> npt.NDArray[Any]:
    """Vectors in any form that holds rows, as one array (rows, width).

    Args:
        data: a numpy array, a list of lists, a pandas or polars Series of lists, an Arrow array of lists, or a torch
            tensor on any device.
        origin: what messages call the data.

    Returns:
        The same numbers; a numpy array is returned as it is. Shape and values are not checked.

    Raises:
        VectorError: a row is missing, or rows have different lengths; the message has the row's number.
    """
    if isinstance(data, np.ndarray) and data.dtype != object:
        return data
    try:
        array = np.asarray(_from_torch(data))
    except ValueError:  # lists of different lengths
        array = _object_array(data)
    if array.dtype != object or array.ndim != 1:
        return array
    if not len(array):
        return np.empty((0, 0), dtype=np.float32)
    rows = [np.asarray(row) for row in array]
    _refuse_uneven(rows, origin)
    return np.stack(rows)


def text_list(data: Any) -> list[Any]:
    """Texts in any form that holds a column, as a list; what is not a string stays as it is, for `check_strings`.

    Args:
        data: a sequence of strings, a numpy array, a pandas or polars Series, or an Arrow array.

    Raises:
        TextError: the data is no column, such as a number or a whole data frame.
    """
    if isinstance(data, list):
        return data
    for name in _TO_LIST:
        if hasattr(data, name):
            listed = getattr(data, name)()
            if isinstance(listed, list) and getattr(data, "ndim", 1) == 1:
                return listed
    if isinstance(data, Iterable) and not hasattr(data, "columns") and getattr(data, "ndim", 1) == 1:
        return list(data)
    raise TextError(f"texts are of type {type(data).__name__}, expected a string, or a list or column of strings")


def _from_torch(data: Any) -> Any:
    """A torch tensor as a numpy array, from any device and with bfloat16 as float32; anything else as it is."""
    if not hasattr(data, "detach"):
        return data
    tensor = data.detach().cpu()
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()


def _object_array(data: Iterable[Any]) -> npt.NDArray[np.object_]:
    """Rows of any lengths as an array (rows,) of objects."""
    listed = list(data)
    array = np.empty(len(listed), dtype=object)
    array[:] = listed
    return array


def _refuse_uneven(rows: list[npt.NDArray[Any]], origin: str) -> None:
    """Refuse rows, each (width,), of which one is missing or has another length than the first.

    Raises:
        VectorError: with the number of the row.
    """
    for number, row in enumerate(rows):
        if row.ndim != 1:
            raise VectorError(
                f"{origin}: row {number} (counted from 0) is missing or no list of numbers; leave such rows out"
            )
        if len(row) != len(rows[0]):
            raise VectorError(
                f"{origin}: row {number} (counted from 0) has {len(row)} numbers, row 0 has {len(rows[0])}; "
                "all rows need the same width"
            )
