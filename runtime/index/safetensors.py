"""The safetensors format: a header of JSON, then arrays, which can be mapped into memory as they are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import IndexFileError

Tensors = Mapping[str, tuple[str, tuple[int, ...]]]
"""Element types of the format and shapes by name, in their order in the file."""
_DTYPES: dict[str, np.dtype[Any]] = {"U8": np.dtype("u1"), "I64": np.dtype("<i8")}
_MOST_HEADER = 1 << 20
_ALIGNMENT = 64


def header_bytes(tensors: Tensors, metadata: Mapping[str, str]) -> bytes:
    """The beginning of a file, up to the first array, which begins at a multiple of 64 bytes."""
    entries: dict[str, object] = {"__metadata__": dict(metadata)}
    for name, (start, end) in _bounds(tensors).items():
        dtype, shape = tensors[name]
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(entries).encode()
    text += b" " * (-(8 + len(text)) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def seek_tensor(file: BinaryIO, header: int, tensors: Tensors, name: str) -> None:
    """Go to the beginning of an array in a file whose header takes this many bytes."""
    file.seek(header + _bounds(tensors)[name][0])


def map_file(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Map the arrays of a file into memory; returns them by name, and the metadata.

    Raises:
        IndexFileError: the file is cut, or is no file of this format.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(_MOST_HEADER, size - 8):
                raise ValueError(f"a header of {length} bytes in a file of {size}")
            entries = json.loads(file.read(length))
        metadata = entries.pop("__metadata__", {})
        tensors = {name: (entry["dtype"], tuple(map(int, entry["shape"]))) for name, entry in entries.items()}
        bounds = _bounds(tensors)
        if any(list(bounds[name]) != entries[name]["data_offsets"] for name in entries):
            raise ValueError("arrays that do not follow each other")
        if max((end for _, end in bounds.values()), default=0) != size - 8 - length:
            raise ValueError(f"a file of {size} bytes, whose header says another size")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IndexFileError(f"{path}: cut, or no flat index ({str(error)[:120]}); write it again") from error
    whole = np.memmap(path, np.uint8, "r", 8 + length) if size > 8 + length else np.empty(0, np.uint8)
    arrays: dict[str, npt.NDArray[Any]] = {
        name: whole[slice(*bounds[name])].view(_DTYPES[dtype]).reshape(shape)
        for name, (dtype, shape) in tensors.items()
    }
    return arrays, metadata


def _bounds(tensors: Tensors) -> dict[str, tuple[int, int]]:
    """First byte and end of each array by name, counted from the end of the header.

    Raises:
        ValueError, KeyError: a shape is negative, or an element type is not one of ours.
    """
    bounds, place = {}, 0
    for name, (dtype, shape) in tensors.items():
        if min(shape, default=0) < 0:
            raise ValueError(f"an array of shape {shape}")
        count = 1
        for length in shape:
            count *= length  # of any size: numpy's product would overflow
        bounds[name] = (place, place + count * _DTYPES[dtype].itemsize)
        place = bounds[name][1]
    return bounds
