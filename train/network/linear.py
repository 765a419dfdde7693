"""Linear maps in closed form."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from linguagen.runtime.vectors import Array

_TRACE = 1e-6
"""Ridge of `least_squares`, as a share of the mean squared column: keeps thin data solvable."""


def least_squares(inputs: npt.NDArray[np.floating], outputs: Array) -> Array:
    """The map D (dim, width) for which inputs (rows, dim) @ D come nearest to outputs (rows, width)."""
    gram = (inputs.T @ inputs).astype(np.float64)
    ridge = _TRACE * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.linalg.solve(gram + ridge, (inputs.T @ outputs).astype(np.float64)).astype(np.float32)


def main_axes(rows: Array, dim: int) -> Tensor:
    """The axes (width, dim) that keep most of the cosines between rows (rows, width); the identity if dim is width."""
    width = rows.shape[1]
    if width == dim:
        return torch.eye(width)
    moment = torch.from_numpy(rows.T @ rows).double()
    axes: Tensor = torch.linalg.eigh(moment).eigenvectors[:, -dim:].flip(1).float()
    return axes


def near_rotation(inputs: Tensor, outputs: Tensor, ridge: float) -> Tensor:
    """The map M (dim, dim) for which inputs (rows, dim) @ M.T come nearest to outputs (rows, dim), near a rotation.

    Ridge regression (Hoerl and Kennard, 1970) whose prior is the best rotation (Schoenemann, 1966) instead of zero, so
    that it is never worse than rotating, however few the rows.

    Args:
        inputs: rows to map.
        outputs: what each row should become.
        ridge: weight of the rotation, in rows.
    """
    left, _, right = torch.linalg.svd(outputs.T @ inputs)
    rotation = left @ right  # (dim, dim)
    gram = inputs.T @ inputs + ridge * torch.eye(inputs.shape[1])
    solved: Tensor = torch.linalg.solve(gram, inputs.T @ outputs + ridge * rotation.T)
    return solved.T
