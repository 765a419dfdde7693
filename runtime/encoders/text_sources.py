"""Opens texts in every form that is read: lines, folders of files, and a column of records or tables."""

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from linguagen.models.errors import TextError, UsageError
from linguagen.runtime.reading.array_files import Rows, Window
from linguagen.runtime.reading.sources import STDIN
from linguagen.runtime.reading.streams import StreamSource
from linguagen.runtime.reading.tables import ARROW, PARQUET, TableSource, describe_table, import_arrow, table_batches
from linguagen.runtime.text.lines import MOST_LINE_CHARACTERS, bounded_lines, numbered_lines
from linguagen.runtime.text.tokenizer import BLOCK_CHARACTERS

READABLE_TEXTS = ".txt, .md or other UTF-8 (one text per line), .jsonl, .csv, .tsv, .parquet, .arrow"
_BLOCK_TEXTS = 4096
_RECORDS = (".jsonl", ".ndjson", ".csv", ".tsv")


class _BlockWindows:
    """Windows that are the blocks themselves, since texts differ too much in size to count them alone."""

    blocks: Callable[[], Iterable[Rows]]

    def windows(self, size: int, start: int = 0) -> Iterator[Window]:  # noqa: ARG002  the blocks have their own size
        """Yield windows (texts, 1) from text `start` on, each with the number of its first text."""
        first = 0
        for block in self.blocks():
            rows = block[max(0, start - first) :]
            if len(rows):
                yield first + len(block) - len(rows), lambda rows=rows: rows  # type: ignore[misc]
            first += len(block)


@dataclass(frozen=True, eq=False)
class TextSource(_BlockWindows, StreamSource):
    """Texts as rows (texts, 1) of strings."""


@dataclass(frozen=True, eq=False)
class TextRecords(TextSource):
    """Texts as rows (texts, 1) of strings, from records whose other fields can be read too."""

    column: str
    """Name of the field that holds the texts."""
    records: Callable[[], Iterator[dict[str, Any]]]
    """Reads the records, a text in each, from the beginning."""


@dataclass(frozen=True, eq=False)
class TextTable(_BlockWindows, TableSource):
    """Texts as rows (texts, 1) of strings, from a table whose other columns can be copied."""


@dataclass(frozen=True, eq=False)
class TextFolder(TextTable):
    """Texts as rows (texts, 1) of strings, one for each file of a folder, whose names are a column `file`."""

    paths: list[Path]
    """The files, in their order."""

    def others(self) -> Iterator[Any]:
        """Record batches of the names of the files, below the folder; letters that are not UTF-8 are replaced."""
        names = self.file_names()
        for first in range(0, len(names), _BLOCK_TEXTS):
            yield import_arrow().record_batch({"file": names[first : first + _BLOCK_TEXTS]})

    def file_names(self) -> list[str]:
        """Names of the files, below the folder; letters that are not UTF-8 are replaced."""
        return [os.fsencode(each.relative_to(self.path)).decode("utf-8", "replace") for each in self.paths]


def open_texts(path: str | Path, column: str = "text") -> TextSource | TextTable:
    """Open texts, of which only the first block is read yet.

    Args:
        path: a file whose ending says its format, a folder whose .txt and .md files are a text each, in the order of
            their names, or `-` for standard input, one text per line.
        column: the column that holds the texts of records and tables.

    Raises:
        UsageError: there is no such file or column.
        TextError: the file is no UTF-8, not of its format, or holds no text.
        MissingExtraError: the format needs a package that is not installed.
        VectorFileError: a table is damaged.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if str(path) == STDIN:
        lines = _blocks(_stdin_lines())
        first = list(islice(lines, 1))
        return _not_empty(TextSource(path, 1, None, lambda: chain(first, lines)), first)
    if not path.exists():
        raise UsageError(
            f"{path} does not exist; expected a folder, or a file of texts: {READABLE_TEXTS}; give a text itself with "
            "--text"
        )
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise UsageError(f"{path} is no regular file; give a file of texts, a folder, or - for standard input")
    if kind in (*PARQUET, *ARROW):
        return _open_table(path, column)
    source = _open_records(path, kind, column) if kind in _RECORDS else _open_lines(path)
    return _not_empty(source, list(islice(source.blocks(), 1)))


def _open_lines(path: Path) -> TextSource:
    """Open a file whose lines are the texts."""
    return TextSource(path, 1, None, lambda: _blocks(line for _, line in numbered_lines(path)))


def _open_records(path: Path, kind: str, column: str) -> TextRecords:
    """Open a file of records, whose texts are in one field; arguments and errors as in `open_texts`."""

    def records() -> Iterator[dict[str, Any]]:
        """Read the records from the beginning."""
        if kind in _RECORDS[:2]:
            return _json_records(path, column)
        return _csv_records(path, column, "," if kind == ".csv" else "\t")

    return TextRecords(path, 1, None, lambda: _blocks(each[column] for each in records()), column, records)


def _not_empty(source: TextSource, first: list[Rows]) -> TextSource:
    """The source, once it is clear that it has a first block, alone in a list.

    Raises:
        TextError: it has none.
    """
    if not first:
        raise TextError(f"{source.origin} is empty, expected at least one text")
    return source


def _open_folder(path: Path) -> TextFolder:
    """Open the .txt and .md files of a folder, each a text, in the order of their paths.

    Raises:
        TextError: there are none.
    """
    paths = sorted(each for each in path.rglob("*") if each.suffix.lower() in (".txt", ".md") and each.is_file())
    if not paths:
        raise TextError(f"{path} is empty, expected at least one text; a folder's texts are its .txt and .md files")

    def texts() -> Iterator[str]:
        """Read the texts from the beginning."""
        for each in paths:
            yield "\n".join(line for _, line in numbered_lines(each))

    return TextFolder(path, 1, len(paths), lambda: _blocks(texts()), "embedding", ["file", "embedding"], paths)


def _open_table(path: Path, column: str) -> TextTable:
    """Open a column of strings of a table; errors as in `open_texts`."""
    schema, rows = describe_table(path)
    if column not in schema.names:
        raise UsageError(f"{path}: has no column {column!r}; it has {', '.join(schema.names)[:200]}; choose a --column")
    if str(schema.field(column).type) not in ("string", "large_string", "string_view"):
        raise UsageError(f"{path}, column {column}: holds {schema.field(column).type}, expected texts; choose another")
    if not rows:
        raise TextError(f"{path} is empty, expected at least one text")

    def texts() -> Iterator[str]:
        """Read the texts from the beginning; a missing one is empty, and refused later by its number."""
        for batch in table_batches(path, [column]):
            yield from (text or "" for text in batch.column(0).to_pylist())

    return TextTable(path, 1, rows, lambda: _blocks(texts()), column, list(schema.names))


def _blocks(texts: Iterable[str]) -> Iterator[Rows]:
    """Collect texts into blocks (texts, 1), bounded in texts and in characters."""
    held: list[str] = []
    characters = 0
    for text in texts:
        held.append(text)
        characters += len(text)
        if len(held) == _BLOCK_TEXTS or characters >= BLOCK_CHARACTERS:
            yield np.array(held, dtype=object)[:, None]
            held, characters = [], 0
    if held:
        yield np.array(held, dtype=object)[:, None]


def _stdin_lines() -> Iterator[str]:
    """The lines of standard input, without their ends.

    Raises:
        TextError: it is not UTF-8.
    """
    try:
        yield from bounded_lines(io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig"), "standard input")
    except UnicodeDecodeError as error:
        raise TextError(f"standard input cannot be read ({error}); expected UTF-8 text") from error


def _json_records(path: Path, column: str) -> Iterator[dict[str, Any]]:
    """The records of JSON lines, each with a text in one field.

    Raises:
        TextError: a line has no such text, by number.
    """
    for number, line in numbered_lines(path):
        try:
            record = json.loads(line)
            text = record[column]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise TextError(
                f'{path}, line {number}: expected {{"{column}": ...}}, got {line[:80]!r}; choose another --column'
            ) from error
        if not isinstance(text, str):
            raise TextError(f"{path}, line {number}: {column} is of type {type(text).__name__}, expected a string")
        yield record


def _csv_records(path: Path, column: str, delimiter: str) -> Iterator[dict[str, Any]]:
    """The rows of CSV, whose first row has the names, of which one is that of the texts.

    Raises:
        UsageError: there is no such column.
        TextError: a row is broken, or has another number of columns, by line.
    """
    try:
        csv.field_size_limit(MOST_LINE_CHARACTERS)  # a text may be long; by default no field may have 128 KB
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            names = next(reader, [])
            if names and column not in names:
                raise UsageError(
                    f"{path}: has no column {column!r}; it has {', '.join(names)[:200]}; choose a --column"
                )
            for row in filter(None, reader):
                if len(row) != len(names):
                    raise TextError(
                        f"{path}, line {reader.line_num}: {len(row)} columns, but the first row has {len(names)}; "
                        "put texts with a separator in quotes"
                    )
                yield dict(zip(names, row, strict=True))
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise TextError(f"{path}: not CSV in UTF-8 ({error}); save it again") from error
