"""Files of texts: one text per line, or pairs of texts with a score."""

import bz2
import csv
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from linguagen.models.errors import TextError
from linguagen.runtime.text.tokenizer import BLOCK_CHARACTERS

MOST_LINE_CHARACTERS = 1 << 27
_OPENERS: dict[str, Callable[..., Any]] = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}


def numbered_lines(name: str | Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file, numbered from 1, without their line ends.

    Args:
        name: path of UTF-8 text, plain or compressed (.xz, .gz, .bz2).

    Raises:
        TextError: the file cannot be read, is not UTF-8, or has a line that is too long.
    """
    path = Path(name)
    if path.exists() and not path.is_file():
        raise TextError(f"{name} is no regular file; give a file of texts, or - for standard input")
    try:
        with _OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8-sig") as file:
            yield from enumerate(bounded_lines(file, str(name)), 1)
    except (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError, zlib.error) as error:
        raise TextError(f"{name} cannot be read ({error}); expected UTF-8 text, plain or compressed") from error


def bounded_lines(file: TextIO, origin: str) -> Iterator[str]:
    """Yield the lines of an opened text, without their line ends.

    Args:
        file: open for reading text.
        origin: the file's name, for messages.

    Raises:
        TextError: a line is so long that it, or what a small compressed file unpacks to, would fill the memory.
    """
    while line := file.readline(MOST_LINE_CHARACTERS):
        if len(line) == MOST_LINE_CHARACTERS and not line.endswith("\n"):
            raise TextError(f"{origin}: a line of more than {MOST_LINE_CHARACTERS} characters; divide it")
        yield line.rstrip("\r\n")


def line_blocks(name: str | Path, size: int, characters: int = BLOCK_CHARACTERS) -> Iterator[tuple[int, list[str]]]:
    """Yield blocks of lines, each with the number of its first line, counted from 1.

    Args:
        name: path of UTF-8 text, plain or compressed.
        size: lines in a block, at most.
        characters: a block ends with the line that makes it as long as this.

    Raises:
        TextError: the file cannot be read, or is not UTF-8.
    """
    block: list[str] = []
    held = 0
    for number, line in numbered_lines(name):
        block.append(line)
        held += len(line)
        if len(block) == size or held >= characters:
            yield number + 1 - len(block), block
            block, held = [], 0
    if block:
        yield number + 1 - len(block), block


def read_scored(name: str | Path) -> tuple[list[str], list[str], list[float]]:
    """Read a CSV file of pairs: the first texts, the second texts and the scores, each a list of the same length.

    Raises:
        TextError: the file cannot be read, a row is not text, text, score, or there are too few rows to correlate.
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
