"""Which rows or texts are held out: at random, or all of some origins."""

from dataclasses import dataclass

import numpy as np

from linguagen.runtime.vectors import Indices


@dataclass(frozen=True, eq=False)
class Split:
    """Numbers (count,) of what training reads and of what is held out, each in rising order."""

    training: Indices
    held_out: Indices
    by_origin: bool
    """True if whole origins are held out."""


def split_at_random(count: int, held_out: int, generator: np.random.Generator) -> Split:
    """Hold out `held_out` of `count` rows."""
    order = generator.permutation(count)
    return Split(np.sort(order[held_out:]), np.sort(order[:held_out]), by_origin=False)


def split_by_origin(origins: Indices, held_out: int, generator: np.random.Generator) -> Split | None:
    """Hold out all rows of some origins: about `held_out` rows, at least half and at most 1.25 times as many.

    Args:
        origins: where each row comes from, (rows,).
        held_out: rows to hold out.
        generator: chooses the origins.

    Returns:
        The split; None if no choice of origins has such a size.
    """
    names, counts = np.unique(origins, return_counts=True)
    picked, total = [], 0
    for place in generator.permutation(len(names)):
        if total < held_out and total + counts[place] <= 1.25 * held_out:
            picked.append(names[place])
            total += int(counts[place])
    if total < held_out / 2 or not total:
        return None
    chosen = np.isin(origins, picked)
    return Split(np.flatnonzero(~chosen), np.flatnonzero(chosen), by_origin=True)
