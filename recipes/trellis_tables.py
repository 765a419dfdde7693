"""Train the values that windows of a trellis stand for, on Gaussian samples: generalised Lloyd, one rung at a time.

    python -m recipes.trellis_tables [RUNG ...]      # writes recipes/trellis_tables.npz, by default all rungs

Encode samples with the current values, move every value to the mean of the samples that it stands for, repeat (Stewart,
Gray and Linde, "The design of trellis waveform coders", 1982).
"""

import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np

from linguagen.models.arrays import Array
from linguagen.models.manifests.trellis import LADDER, WINDOWS, Symbols, Trellis, columns, cosets
from linguagen.runtime.codes.viterbi import best_picks, best_windows

TABLES = Path(__file__).parent / "trellis_tables.npz"
"""Arrays `table1`, `table2`, ... of every rung, and the squared `errors` (rungs,) that they leave of a Gaussian's."""
SAMPLES = 400_000
ROUNDS = 40
"""Of rungs of up to 5 bits. The first values of higher rungs are within 0.4 dB of the best, and few dimensions use
them."""
_SAVED_EVERY = 4
LENGTH = 1000
"""Symbols in a stream; a short stream would count how it begins, which costs a little more."""
_ROWS = 32
_SPREAD, _WIDE_SPREAD = 1.15, 1.5
"""A trellis chooses among twice as many values as its bits could name, so these lie wider than samples; of many bits
the tails need more."""


def main() -> None:
    """Train the rungs that are named, or all, and add them to the file; a rung that was interrupted is resumed."""
    rungs = [int(word) for word in sys.argv[1:]] or range(1, len(LADDER))
    for rung in rungs:
        done = (
            dict(np.load(TABLES))
            if TABLES.exists()
            else {"errors": np.ones(len(LADDER)), "rounds": np.zeros(len(LADDER), int)}
        )
        table: Array = done[f"table{rung}"].astype(np.float32) if f"table{rung}" in done else first_table(rung)
        if LADDER[rung].bits > 5:
            save(table, rung, 0)
            continue
        for number in range(int(done["rounds"][rung]), ROUNDS):
            means = moved(table, rung, gaussians(rung, number))
            table += (means - table) / max(1, number - ROUNDS // 2)  # at the end the mean of many rounds
            if number % _SAVED_EVERY == _SAVED_EVERY - 1 or number == ROUNDS - 1:
                save(table, rung, number + 1)


def save(table: Array, rung: int, rounds: int) -> None:
    """Put a rung's values (picks, dims, columns) after some rounds into the file, with the error that they leave."""
    done = (
        dict(np.load(TABLES))
        if TABLES.exists()
        else {"errors": np.ones(len(LADDER)), "rounds": np.zeros(len(LADDER), int)}
    )
    done["errors"][rung], done["rounds"][rung] = mean_error(table, rung, gaussians(rung, ROUNDS)), rounds
    np.savez(TABLES, **(done | {f"table{rung}": table}))
    rate = LADDER[rung].bits / LADDER[rung].dims
    print(
        f"rung {rung}, round {rounds}: {rate} bits, error {done['errors'][rung]:.5f}, bound {4**-rate:.5f}", flush=True
    )


def moved(table: Array, rung: int, samples: Array) -> Array:
    """Values (picks, dims, columns) moved to the means of the samples (streams, LENGTH x dims) that they stand for."""
    dims, picks = LADDER[rung].dims, LADDER[rung].picks
    keys, values = encoded(table, rung, samples)
    counts = np.bincount(keys, minlength=picks * table.shape[2]).reshape(picks, -1)
    means = np.empty_like(table)
    for dim in range(dims):
        sums = np.bincount(keys, values[:, dim], minlength=counts.size).reshape(picks, -1)
        means[:, dim] = np.where(counts > 0, sums / counts.clip(min=1), table[:, dim])
    return means


def gaussians(rung: int, seed: int) -> Array:
    """Standard Gaussian samples (streams, LENGTH x dims) for a rung."""
    width = LENGTH * LADDER[rung].dims
    return np.random.default_rng(seed).standard_normal((SAMPLES // LENGTH, width)).astype(np.float32)


def first_table(rung: int) -> Array:
    """Values to start from (picks, dims, columns): neighbours on a line, or in a plane, go to different cosets."""
    dims, _, _ = LADDER[rung]
    picks, table = LADDER[rung].picks, np.zeros((LADDER[rung].picks, dims, 4))
    if dims == 1:
        spread = _WIDE_SPREAD if columns(LADDER[rung]) < WINDOWS else _SPREAD
        table[:, 0] = quantiles(4 * picks, spread).reshape(picks, 4)
    elif picks == 4:
        line = quantiles(4, _SPREAD)
        for pick in range(picks):
            table[pick] = line[(np.arange(4) - 2 * pick) % 4], np.full(4, line[pick])
    else:
        angles = np.pi / 4 + np.pi / 2 * np.arange(4)
        table[0, :2] = 0.7 * np.stack([np.cos(angles), np.sin(angles)])
    if columns(LADDER[rung]) == WINDOWS:
        table = table[..., cosets()]
        table += 0.05 * np.random.default_rng(rung).standard_normal(table.shape) * (dims > 1)
    return table.astype(np.float32)


def quantiles(count: int, spread: float) -> Array:
    """Numbers (count,) that cut a widened Gaussian into equal parts."""
    normal = NormalDist(sigma=spread)
    return np.array([normal.inv_cdf((number + 0.5) / count) for number in range(count)], np.float32)


def encoded(table: Array, rung: int, samples: Array) -> tuple[np.ndarray, Array]:
    """Which value (symbols,), as pick x columns + column, stands for every symbol of samples, and the symbols' values.

    Args:
        table: (picks, dims, columns).
        rung: its rung.
        samples: (streams, LENGTH x dims).
    """
    dims = LADDER[rung].dims
    places = np.arange(0, samples.shape[1], dims)
    symbols = Symbols(np.full(len(places), rung), places, places)
    unused = (table,) * (len(LADDER) - 1)
    trellis = Trellis(np.empty(0, np.uint16), np.ones(samples.shape[1], np.float32), np.ones(1, np.float32), unused)
    parts = [best_windows(trellis, symbols, samples[row : row + _ROWS]) for row in range(0, len(samples), _ROWS)]
    windows, values = np.concatenate(parts).ravel(), samples.reshape(-1, dims)
    column = windows if columns(LADDER[rung]) == WINDOWS else cosets()[windows].astype(np.intp)
    return best_picks(trellis, rung, values, windows) * columns(LADDER[rung]) + column, values


def mean_error(table: Array, rung: int, samples: Array) -> float:
    """Mean squared error per dimension of samples (streams, LENGTH x dims) when they are encoded."""
    keys, values = encoded(table, rung, samples)
    pick, column = np.divmod(keys, columns(LADDER[rung]))
    return float(((values - table[pick, :, column]) ** 2).mean())


if __name__ == "__main__":
    main()
