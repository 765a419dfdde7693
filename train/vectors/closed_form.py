"""The closed form that training starts from and must beat: moments, softened PCA and a least-squares decoder."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch

from linguagen.models.errors import TrainingError
from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.runtime.measure.controls import softened_pca
from linguagen.runtime.vectors import Array
from linguagen.train.network.linear import least_squares
from linguagen.train.vectors.network import Autoencoder

DECODER_ROWS = 8192
"""Training rows that the decoder is solved on."""


def gather_moments(chunks: Iterable[Array], width: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean (width,) and uncentred second moment (width, width) of all rows, one chunk in memory at a time.

    Args:
        chunks: (rows, width) each, unit length.
        width: of a vector.
    """
    total, moment, count = np.zeros(width), np.zeros((width, width)), 0
    for chunk in chunks:
        total += chunk.sum(axis=0, dtype=np.float64)
        moment += chunk.T @ chunk
        count += len(chunk)
    return total / count, moment / count


def refuse_without_spread(statistics: TeacherStatistics, rows: int) -> None:
    """Refuse vectors that are all the same: nothing can be learnt, and every neighbour is a tie.

    Raises:
        TrainingError: they are.
    """
    total = float(statistics.eigenvalues.sum() + statistics.residual.sum())
    if float(statistics.eigenvalues[0]) > (1 - 1e-5) * total:
        raise TrainingError(f"all {rows} training vectors point the same way; give vectors of different texts")


def start(model: Autoencoder, statistics: TeacherStatistics, rows: Array, softening: float) -> None:
    """Set the linear skip to softened PCA and the decoder to the map back: see `set_linear`.

    Args:
        model: changed in place.
        statistics: those of the training rows.
        rows: (rows, width), some training rows for the decoder.
        softening: exponent on the eigenvalues; 0 for PCA.
    """
    set_linear(model, softened_pca(statistics, model.encoder.config.dim, softening), rows)


def set_linear(model: Autoencoder, projection: Array, rows: Array) -> None:
    """Set the linear skip, and the decoder to the least-squares map back.

    Args:
        model: changed in place.
        projection: (width, dim).
        rows: (rows, width), some training rows for the decoder.
    """
    with torch.no_grad():
        model.encoder.skip.weight.copy_(torch.from_numpy(projection.T))
        x = torch.from_numpy(rows)
        model.decoder.weight.copy_(torch.from_numpy(least_squares(model.encoder(x).numpy(), rows).T))
