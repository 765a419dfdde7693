"""Some rows of a file: drawn at random to measure on, or spread evenly over it to look at."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linguagen.runtime.reading.array_files import VectorFile
from linguagen.runtime.reading.sources import STDIN, Source
from linguagen.runtime.reading.streams import StreamSource
from linguagen.runtime.vectors import CHUNK_ROWS, Array, Indices, bad_rows, unit_rows


@dataclass(frozen=True, eq=False)
class EvaluationRows:
    """The rows on which figures are measured."""

    vectors: Array  # (rows, width), unit length
    numbers: Indices  # (rows,), their row numbers in the file, ascending


def read_rows(source: Source, limit: int, seed: int = 0) -> EvaluationRows:
    """Read all rows (rows, width) of an opened file, or `limit` of them, drawn at random, if it has more.

    Raises:
        VectorError: rows that were drawn are zero or not finite.
        VectorFileError: the file is damaged.
    """
    generator = np.random.default_rng(seed)
    if not isinstance(source, VectorFile):
        return _drawn(source, limit, generator)
    numbers = np.arange(len(source))
    if len(source) > limit:
        numbers = np.sort(generator.choice(len(source), limit, replace=False))
    parts = []
    for first in range(0, len(numbers), CHUNK_ROWS):
        window = numbers[first : first + CHUNK_ROWS]
        rows, _ = unit_rows(source.picked(window), window, source.origin)
        parts.append(rows)
    return EvaluationRows(np.concatenate(parts) if parts else np.empty((0, source.width), np.float32), numbers)


def _drawn(source: StreamSource, limit: int, generator: np.random.Generator) -> EvaluationRows:
    """Draw at most `limit` rows (rows, width) of a stream: rows get random keys, and the lowest keys are kept."""
    kept, numbers, keys = np.empty((0, source.width), np.float16), np.empty(0, np.intp), np.empty(0)
    for first, rows in source.chunks(CHUNK_ROWS):
        kept = np.concatenate([kept, rows])
        numbers = np.concatenate([numbers, np.arange(first, first + len(rows))])
        keys = np.concatenate([keys, generator.random(len(rows))])
        if len(keys) > limit:
            lowest = np.sort(np.argpartition(keys, limit)[:limit])
            kept, numbers, keys = kept[lowest], numbers[lowest], keys[lowest]
    return EvaluationRows(unit_rows(kept, numbers, source.origin)[0], numbers)


def spread_rows(source: Source, count: int) -> Array:
    """A few rows (rows, width) of length 1: spread over a file, the first of a stream, or none of standard input.

    Standard input can be read only once, so looking at its rows would lose them.
    """
    if isinstance(source, VectorFile):
        numbers = np.linspace(0, len(source) - 1, min(len(source), count)).astype(int).tolist()
        # One row at a time: mapping the whole file would count every page that the kernel reads ahead as ours.
        parts = [source.rows(number, number + 1) for number in numbers]
    else:
        parts = [] if source.path == Path(STDIN) else [next(iter(source.blocks()))[:count]]
    rows = np.concatenate([np.empty((0, source.width)), *parts])
    return unit_rows(rows[~bad_rows(rows)], 0, source.origin)[0]  # bad rows are refused later, with their numbers
