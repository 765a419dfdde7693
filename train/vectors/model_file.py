"""What a fit starts from: what the file of a vector model knows of its teacher, and its linear map."""

from dataclasses import dataclass

import numpy as np
import torch

from linguagen.models.catalogue import find_model
from linguagen.models.errors import ModelFileError, UsageError
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.models.model_file import read_model_file
from linguagen.models.onnx_file import read_initialisers
from linguagen.runtime.vectors import Array
from linguagen.train.network.stored import stored_weight


@dataclass(frozen=True, eq=False)
class Start:
    """A model to start a fit from."""

    statistics: TeacherStatistics
    """Mean and second moment of the vectors that the model was trained on."""
    projection: Array  # (width, dim)
    """The model's linear part; what its bilinear blocks add moves recall by less than .1 point."""

    @property
    def width(self) -> int:
        """Numbers in a vector of the teacher."""
        return int(self.projection.shape[0])

    @property
    def dim(self) -> int:
        """Dimensions of an embedding."""
        return int(self.projection.shape[1])


def read_start(name_or_path: str, dim: int) -> Start:
    """Read a model file's statistics and linear map.

    Args:
        name_or_path: a name that `lg-run models` lists, or the path of a model file.
        dim: dimensions to keep; if the model has more, the main axes of its embeddings are kept.

    Raises:
        UnknownModelError: there is no model of that name, and no such file.
        ModelFileError: the file is damaged, no vector model, or its weights are not stored as this version stores them.
        UsageError: the model has fewer dimensions.
    """
    path = find_model(name_or_path)
    file = read_model_file(path)
    manifest = file.manifest
    if dim > manifest.output_dim:
        raise UsageError(
            f"--dim is {dim}, but {name_or_path} has {manifest.output_dim} dimensions; choose at most so many, "
            "or start from a model that has more"
        )
    try:
        linear = _linear(read_initialisers(file.data))[:, : manifest.output_dim]
    except (KeyError, ValueError, IndexError) as error:
        raise ModelFileError(
            f"{path}: its weights are not stored as this version stores them ({str(error)[:160]}); "
            "start from a file that this version exported"
        ) from error
    return Start(manifest.statistics, _main_axes(linear, manifest.embedding_moments, dim))


def _linear(weights: dict[str, np.ndarray]) -> Array:
    """The product with the input (width, dim + ...), as `export/vectors/graph.py` stores it; the skip comes first."""
    stored = {name: torch.from_numpy(array.copy()) for name, array in weights.items()}
    linear = stored_weight(stored, "linear_weight")
    if "outlier_dims" in stored:  # int8 files keep these rows in float32
        linear[stored["outlier_dims"]] = stored["outlier_weight"]
    return np.asarray(linear.numpy(), dtype=np.float32)


def _main_axes(projection: Array, moments: EmbeddingMoments, dim: int) -> Array:
    """A projection (width, more) with its embeddings cut to their main axes: (width, dim)."""
    if dim == projection.shape[1]:
        return projection
    second = moments.covariance.astype(np.float64) + np.outer(moments.mean, moments.mean)
    axes = np.linalg.eigh(second)[1][:, ::-1][:, :dim]
    return np.asarray(projection @ axes, dtype=np.float32)
