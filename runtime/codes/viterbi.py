"""The path through a trellis with the least squared error (Viterbi, 1967), for many rows at once in numpy.

c/trellis.c does the same with the same float32 operations in the same order, so that both write the same bytes.
"""

import numpy as np
import numpy.typing as npt

from linguagen.models.arrays import Array
from linguagen.models.manifests.trellis import LADDER, MEMORY, WINDOWS, Symbols, Trellis, columns, cosets

Indices = npt.NDArray[np.intp]

_STATES = 1 << MEMORY
_HALF = _STATES // 2


def best_windows(trellis: Trellis, symbols: Symbols, levels: Array) -> Indices:
    """The window of every symbol on the path with the least weighted squared error.

    Args:
        trellis: values and weights.
        symbols: of a code of some size.
        levels: embeddings (rows, dim) in standard deviations from the mean.

    Returns:
        (rows, symbols). If two paths cost the same, the window whose oldest bit is 0 is taken.
    """
    rows, count = len(levels), len(symbols.rungs)
    costs = np.full((rows, _STATES), np.inf, np.float32)
    costs[:, 0] = 0
    older = np.empty((count, rows, _HALF, 2), np.bool_)  # whether the best way to a state has 1 as its oldest bit
    before = trellis.weights[symbols.dims[0]] if count else np.float32(1)
    for number, (rung, dim) in enumerate(zip(symbols.rungs.tolist(), symbols.dims.tolist(), strict=True)):
        weight = trellis.weights[dim]
        costs *= before / weight  # costs are in units of the current weight, so that errors need no factor
        before = weight
        errors = window_errors(trellis, rung, levels[:, dim : dim + LADDER[rung].dims])  # (rows, WINDOWS)
        costs = _step(costs, errors, older[number])
    return _trace(costs, older)


def window_errors(trellis: Trellis, rung: int, values: Array) -> Array:
    """The squared error (rows, WINDOWS) of a symbol's values (rows, dims) with every window's best pick."""
    table = trellis.tables[rung - 1]  # (picks, dims, columns)
    if columns(LADDER[rung]) < WINDOWS:
        return _coset_errors(table[:, 0], trellis.thresholds[rung - 1], values[:, 0])[:, cosets()]
    best = np.full((len(values), WINDOWS), np.inf, np.float32)
    for pick in table:
        np.minimum(best, _squares(values, pick), out=best)
    return best


def best_picks(trellis: Trellis, rung: int, values: Array, windows: Indices) -> Indices:
    """The picks (count,) with the least error for symbols' values (count, dims) whose windows (count,) are known.

    If two are equally good, the lower is taken.
    """
    table = trellis.tables[rung - 1]
    if columns(LADDER[rung]) == WINDOWS:
        errors = [_squares(values, pick[:, windows].T[..., None])[:, 0] for pick in table]
        return np.asarray(np.argmin(errors, axis=0))
    picks = np.empty(len(windows), np.intp)
    of = cosets()[windows]
    for coset in range(4):
        mine = of == coset
        picks[mine] = np.searchsorted(trellis.thresholds[rung - 1][:, coset], values[mine, 0])
    return picks


def _squares(values: Array, centres: Array) -> Array:
    """Squared distances (rows, columns) of values (rows, dims) from centres (dims, columns) or (rows, dims, 1)."""
    total = np.zeros(1, np.float32)
    for number in range(values.shape[1]):
        difference = values[:, number, None] - centres[..., number, :]
        difference *= difference
        total = difference if number == 0 else total + difference
    return total


def _coset_errors(table: Array, thresholds: Array, values: Array) -> Array:
    """Squared errors (rows, 4) of values (rows,) with the nearest value of each coset in a table (picks, 4)."""
    errors = np.empty((len(values), 4), np.float32)
    for coset in range(4):
        difference = values - table[np.searchsorted(thresholds[:, coset], values), coset]
        errors[:, coset] = difference * difference
    return errors


def _step(costs: Array, errors: Array, older: npt.NDArray[np.bool_]) -> Array:
    """Extend the best path to every state by one symbol.

    Args:
        costs: (rows, states), of the best path to each state.
        errors: (rows, WINDOWS), of the new symbol.
        older: (rows, states / 2, 2), is written: whether the best way to a state comes from the upper half of states.

    Returns:
        The new costs (rows, states).
    """
    new = np.empty((len(costs), _HALF, 2), np.float32)
    for bit in (0, 1):
        lower = costs[:, :_HALF] + errors[:, bit * _STATES : bit * _STATES + _HALF]
        upper = costs[:, _HALF:] + errors[:, bit * _STATES + _HALF : (bit + 1) * _STATES]
        np.less(upper, lower, out=older[:, :, bit])
        np.minimum(lower, upper, out=new[:, :, bit])
    return new.reshape(len(costs), _STATES)


def _trace(costs: Array, older: npt.NDArray[np.bool_]) -> Indices:
    """Follow the best paths back: windows (rows, symbols) from final costs (rows, states)."""
    count, rows = older.shape[:2]
    windows = np.empty((rows, count), np.intp)
    state, row = costs.argmin(axis=1), np.arange(rows)
    for number in reversed(range(count)):
        half, bit = state >> 1, state & 1
        before = half + _HALF * older[number, row, half, bit]
        windows[:, number] = bit << MEMORY | before
        state = before
    return windows
