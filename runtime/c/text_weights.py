"""The weights of a text model, read from its file in the form that C uses."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import ModelFileError
from linguagen.models.manifests.text import TextManifest
from linguagen.models.model_file import TextFile
from linguagen.models.onnx_file import read_initialisers
from linguagen.runtime.c.unigram import Unigram, read_unigram
from linguagen.runtime.c.vector_weights import require_shape, require_small
from linguagen.runtime.vectors import Array

_Initialisers = dict[str, npt.NDArray[Any]]
_DIRECTIONS = ("forward", "backward")
ZERO = 128
"""The byte that stands for zero in rows of integers."""


@dataclass(frozen=True, eq=False)
class TextWeights:
    """The matrices of a text model; `columns` is 3 * directions * hidden."""

    manifest: TextManifest
    unigram: Unigram
    rows: npt.NDArray[Any]
    """(pieces, width), uint8 where 128 is zero, or float32."""
    step: float
    """Value of one step of `rows`; 0 for a float32 model."""
    importance: Array
    """(pieces,): the logarithm of what a token weighs."""
    power: float
    """Exponent of how often a token occurs in its text, minus 1."""
    wide: npt.NDArray[Any]
    """(columns, width), int8 from -64 to 64 or float32: u, v and g of the first block of each direction."""
    scales: Array
    """(columns,): size of one step of each row of `wide`; (0,) for a float32 model."""
    reversed: int
    """Bit d is set if direction d reads from the end of a text."""
    keep: Array
    """(directions, layers, hidden): the share of its sum that a unit keeps from one token to the next."""
    deeper: Array
    """(directions, layers - 1, hidden, 3 * hidden): u, v and g of the blocks after the first."""
    out: Array
    """(width + directions * hidden, dim)."""


def text_weights(file: TextFile, path: str) -> TextWeights:
    """Read the weights of a text model.

    Args:
        file: its file.
        path: where the file lies, for messages.

    Raises:
        ModelFileError: the file is damaged, or C cannot read models of its precision or tokenizer.
    """
    if file.manifest.precision not in ("float32", "int8"):
        raise ModelFileError(
            f"{path}: its weights are {file.manifest.precision}, but the C library reads float32 and int8; "
            "export the run again with --quantize int8"
        )
    try:
        return _weights(file, read_initialisers(file.data), read_unigram(file.tokenizer))
    except (KeyError, ValueError) as error:
        raise ModelFileError(
            f"{path}: the graph or tokenizer is not one that C reads ({error}); export the model again"
        ) from error


def _layers(stored: _Initialisers, direction: str) -> int:
    """How many blocks a direction has."""
    layer = 0
    while f"{direction}{layer}_v_0_keep" in stored:
        layer += 1
    return layer


def _weights(file: TextFile, stored: _Initialisers, unigram: Unigram) -> TextWeights:
    """The weights of a model from its graph's initialisers.

    Raises:
        KeyError, ValueError: a weight is missing, or has another shape.
    """
    integer = file.manifest.precision == "int8"
    rows = stored["table_uint8" if integer else "table"]  # (pieces, width)
    names = [name for name in _DIRECTIONS if f"{name}0_v_0_keep" in stored]
    keep = np.array([[stored[f"{n}{i}_v_0_keep"] for i in range(_layers(stored, n))] for n in names], np.float32)
    _, layers, hidden = keep.shape if names else (0, 0, 0)
    columns, dim = 3 * len(names) * hidden, file.manifest.output_dim
    deeper = [[stored[f"{name}{layer}_weight"] for layer in range(1, layers)] for name in names]
    wide = stored["wide_weight_int8" if integer else "wide_weight"] if names else np.empty((rows.shape[1], 0), "i1")
    deeper_shape = (len(names), max(layers - 1, 0), hidden, 3 * hidden)
    require_small(wide)
    if rows.shape[0] != file.manifest.pieces or wide.shape != (rows.shape[1], columns) or 0 < columns < 4:
        raise ValueError(f"the table is {rows.shape} and wide_weight is {wide.shape}")
    if integer and int(stored["table_zero"]) != ZERO:
        raise ValueError(f"the zero of the table is {stored['table_zero']}, expected {ZERO}")
    return TextWeights(
        manifest=file.manifest,
        unigram=unigram,
        rows=rows,
        step=float(stored["table_step"]) if integer else 0.0,
        importance=require_shape(stored["importance"], file.manifest.pieces),
        power=float(stored.get("power", 0)),
        wide=np.ascontiguousarray(wide.T),
        scales=require_shape(stored["wide_weight_scale"], columns) if integer and names else np.empty(0, np.float32),
        reversed=sum(1 << place for place, name in enumerate(names) if name == "backward"),
        keep=keep,
        deeper=require_shape(np.array(deeper, np.float32).reshape(*deeper_shape), *deeper_shape),
        out=require_shape(stored["out_weight"], rows.shape[1] + len(names) * hidden, dim),
    )
