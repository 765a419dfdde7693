"""The weights of a vector model, read from its file in the form that C uses."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import ModelFileError
from linguagen.models.manifests.vectors import Manifest
from linguagen.models.model_file import CheckedFile
from linguagen.models.onnx_file import read_initialisers
from linguagen.runtime.vectors import Array

_Initialisers = dict[str, npt.NDArray[Any]]
_MOST = 64
"""The largest int8 weight: C sums two products in 16 bits, as onnxruntime does on processors without VNNI."""


@dataclass(frozen=True, eq=False)
class VectorWeights:
    """The matrices of a vector model; `columns` is dim + 3 * units."""

    manifest: Manifest
    units: int
    linear: npt.NDArray[Any]
    """(columns, input_dim), int8 from -64 to 64 or float32: one row for each output of the wide product."""
    input_scale: float
    """Size of one step of the int8 input; 0 for a float32 model."""
    scales: Array
    """(columns,): size of one step of each row of `linear`; (0,) for a float32 model."""
    outliers: npt.NDArray[np.uint32]
    """(count,): input dimensions that stay float32."""
    outlier_weights: Array
    """(count, columns)."""
    deeper: Array
    """(layers, units, 3 * units): the blocks after the first."""
    head: Array
    """(units, dim)."""

    @property
    def sums(self) -> npt.NDArray[np.int32]:
        """(columns,): sum of each row of `linear`; (0,) for a float32 model."""
        rows = self.linear if len(self.scales) else self.linear[:0]
        return np.asarray(rows.sum(axis=1), dtype=np.int32)


def vector_weights(checked: CheckedFile[Manifest], path: str) -> VectorWeights:
    """Read the weights of a vector model.

    Args:
        checked: its file.
        path: where the file lies, for messages.

    Raises:
        ModelFileError: the file is damaged, or C cannot read models of its precision or shape.
    """
    manifest = checked.manifest
    if manifest.precision not in ("float32", "int8"):
        raise ModelFileError(
            f"{path}: its weights are {manifest.precision}, but the C library reads float32 and int8; "
            "export the run again with --quantize int8"
        )
    if manifest.output_dim < 4:
        raise ModelFileError(
            f"{path}: its embeddings have {manifest.output_dim} dimensions, but the C library reads models of 4 or "
            "more; train a wider one"
        )
    stored = read_initialisers(checked.data)
    try:
        return _weights(manifest, stored)
    except (KeyError, ValueError) as error:
        raise ModelFileError(
            f"{path}: the graph does not have the weights of a vector model ({error}); export the model again"
        ) from error


def _weights(manifest: Manifest, stored: _Initialisers) -> VectorWeights:
    """The weights of a model from its graph's initialisers.

    Raises:
        KeyError, ValueError: a weight is missing, or has another shape.
    """
    units = int(stored["sizes"][1]) if "sizes" in stored else 0
    columns = manifest.output_dim + 3 * units
    integer = "input_scale" in stored
    if manifest.precision == "int8" and not integer:  # whose input stays float: C has float weights for it
        stored["linear_weight"] = stored["linear_weight_int8"].astype(np.float32) * stored["linear_weight_scale"]
    linear = stored["linear_weight_int8" if integer else "linear_weight"]  # (input_dim, columns)
    if linear.shape != (manifest.input_dim, columns):
        raise ValueError(f"linear_weight is {linear.shape}, expected {(manifest.input_dim, columns)}")
    require_small(linear)
    outliers = stored.get("outlier_dims", np.empty(0))
    deeper = [require_shape(stored[f"weight{layer}"], units, 3 * units) for layer in range(1, _layers(stored))]
    return VectorWeights(
        manifest,
        units,
        np.ascontiguousarray(linear.T),
        float(stored["input_scale"]) if integer else 0.0,
        require_shape(stored["linear_weight_scale"], columns) if integer else np.empty(0, np.float32),
        outliers.astype(np.uint32),
        require_shape(stored.get("outlier_weight", np.empty((0, columns))), len(outliers), columns),
        np.stack(deeper) if deeper else np.empty((0, units, 3 * units), np.float32),
        require_shape(stored.get("head_weight", np.empty((0, manifest.output_dim))), units, manifest.output_dim),
    )


def _layers(stored: _Initialisers) -> int:
    """How many bilinear blocks a graph has, at least 1."""
    layer = 1
    while f"weight{layer}" in stored:
        layer += 1
    return layer


def require_shape(values: npt.NDArray[Any], *shape: int) -> Array:
    """Values as float32, refused if they are not of a shape.

    Raises:
        ValueError: they are not.
    """
    if values.shape != shape:
        raise ValueError(f"a weight is {values.shape}, expected {shape}")
    return np.ascontiguousarray(values, dtype=np.float32)


def require_small(weights: npt.NDArray[Any]) -> None:
    """Refuse int8 weights of any shape that C cannot multiply.

    Raises:
        ValueError: one of them has more than 7 bits.
    """
    if weights.dtype == np.int8 and weights.size and (most := int(np.abs(weights, dtype=np.int16).max())) > _MOST:
        raise ValueError(f"an int8 weight is {most}, expected at most {_MOST}")
