"""The export gate, as far as it is the same for every kind of model.

A file, run by the runtime that users run, must do what the trained encoder does.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from linguagen.models.errors import ExportGateError, LinguaGenError
from linguagen.runtime.measure.fidelity import NEIGHBOURS, nearest_neighbours, recall_per_row
from linguagen.runtime.vectors import Array, Indices

MOST_DIFFERENCE = {"float32": 1e-5, "float16": 2e-3}
"""Largest difference of any number from PyTorch's, by precision; int8 files are judged by other figures."""
MOST_ROUNDING = 1e-5
"""Largest difference that the order of a sum may make, and a row's length from 1."""


def require(holds: bool, problem: str) -> None:
    """Fail the gate unless a condition holds.

    Raises:
        ExportGateError: it does not hold; the message gives the problem.
    """
    if not holds:
        raise ExportGateError(f"the exported file was not written: {problem}")


@contextmanager
def must_run(file: str) -> Iterator[None]:
    """Fail the gate if the runtime refuses a file in this block.

    Raises:
        ExportGateError: it does; the message calls the file by the words given.
    """
    try:
        yield
    except LinguaGenError as error:
        raise ExportGateError(f"the exported {file} does not run: {error}") from error


def require_embeddings(actual: Array, expected: Array, alone: Array, precision: str, thing: str) -> float:
    """Check values, unit length, and that no row depends on the others in its batch.

    Args:
        actual: embeddings (rows, dim) from the file.
        expected: embeddings (rows, dim) from PyTorch.
        alone: embeddings (some rows, dim) from the file, of the first inputs, each given alone.
        precision: `float32`, `float16` or `int8`.
        thing: what an input is, for messages: `row` or `text`.

    Returns:
        The largest difference of any number from PyTorch's.

    Raises:
        ExportGateError: a check fails.
    """
    difference = float(np.abs(actual - expected).max())
    if precision in MOST_DIFFERENCE:
        require(
            difference <= MOST_DIFFERENCE[precision],
            f"{precision} values differ from PyTorch's by up to {difference:.2e}, "
            f"allowed are {MOST_DIFFERENCE[precision]:.0e}",
        )
    length = float(np.abs(np.linalg.norm(actual, axis=1) - 1).max())
    require(
        length <= MOST_ROUNDING, f"embeddings are off unit length by up to {length:.2e}, allowed are {MOST_ROUNDING}"
    )
    # int8 products are exact, but the float products after them may be summed in another order in another batch.
    apart = float(np.abs(alone - actual[: len(alone)]).max())
    require(
        apart <= MOST_ROUNDING,
        f"a {thing} alone and in a batch give embeddings {apart:.2e} apart, allowed are {MOST_ROUNDING}",
    )
    return difference


def mean_recall(exact: Indices, embeddings: Array) -> float:
    """Mean share of exact nearest neighbours that are still nearest among embeddings.

    Args:
        exact: row numbers (rows, NEIGHBOURS) of each row's nearest neighbours.
        embeddings: (rows, dim), unit length.
    """
    return float(recall_per_row(exact, nearest_neighbours(embeddings, NEIGHBOURS)).mean())
