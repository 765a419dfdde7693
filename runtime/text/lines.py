"""Texts in files: a text a line, and pairs of texts with a score."""

import bz2
import csv
import gzip
import itertools
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from linguagen.models.errors import TextError

_OPENERS: dict[str, Callable[..., Any]] = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}


def numbered_lines(name: str | Path) -> Iterator[tuple[int, str]]:
    """The lines of a file, from 1, without their ends.

    Args:
        name: UTF-8 text, plain or packed (.xz, .gz, .bz2).

    Raises:
        TextError: it cannot be read, or is not UTF-8.
    """
    path = Path(name)
    try:
        with _OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                yield number, line.rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError) as error:
        raise TextError(f"{name} cannot be read ({error}); expected UTF-8 text, plain or packed") from error


def line_blocks(name: str | Path, size: int) -> Iterator[tuple[int, list[str]]]:
    """Blocks of lines, each with the number of its first.

    Raises:
        TextError: it cannot be read, or is not UTF-8.
    """
    lines = numbered_lines(name)
    while block := list(itertools.islice(lines, size)):
        yield block[0][0], [line for _, line in block]


def read_scored(name: str | Path) -> tuple[list[str], list[str], list[float]]:
    """Read text, text, score a line of CSV.

    Raises:
        TextError: a file that cannot be read, a row of another shape, by number, or too few to correlate.
    """
    found: list[tuple[str, str, float]] = []
    for number, row in enumerate(csv.reader(line for _, line in numbered_lines(name)), 1):
        try:
            first, second, score = row
            found.append((first, second, float(score)))
        except ValueError as error:
            raise TextError(f"{name}, row {number}: expected text, text, score, got {str(row)[:120]}") from error
    if len(found) < 3:
        raise TextError(f"{name}: {len(found)} scored pairs, expected 3 or more")
    firsts, seconds, scores = zip(*found, strict=True)
    return list(firsts), list(seconds), list(scores)
