"""Vectors in text formats: JSON (lists, embeddings responses, lines of batch output) and CSV."""

import base64
import binascii
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from linguagen.models.errors import VectorFileError
from linguagen.runtime.reading.array_files import Rows
from linguagen.runtime.reading.streams import StreamSource, from_blocks

_BLOCK_ROWS = 256
_MOST_LINE_BYTES = 1 << 28
"""A response of 2,048 embeddings, the most that an API returns, takes a quarter of this."""
_FOUND = "an embedding list, an embeddings response, or a line of batch output"


def open_json(path: Path, width: int | None) -> StreamSource:
    """Open .json, or .jsonl with an embedding, response or batch result per line; errors as in `open_vectors`."""

    def blocks() -> Iterator[Rows]:
        """Read blocks (rows, width) from the beginning."""
        with path.open("rb") as file:
            yield from json_blocks(file, str(path), whole=path.suffix.lower() == ".json")

    return from_blocks(path, blocks, width)


def json_blocks(file: BinaryIO, origin: str, whole: bool = False) -> Iterator[Rows]:
    """Read blocks (rows, width) of the embeddings in JSON lines.

    Args:
        file: open for reading bytes.
        origin: the file's name, for messages.
        whole: True if the file is one document, which may have any number of lines.

    Raises:
        VectorFileError: a line holds no embedding, a failed request or another width; the message has its number.
    """
    return _stacked(_json_rows(file, origin, whole), origin)


def _json_rows(file: BinaryIO, origin: str, whole: bool) -> Iterator[tuple[str, Rows]]:
    """Yield every embedding (width,), with the place where it was found, for messages."""
    number = 0
    while line := file.read(_MOST_LINE_BYTES + 1) if whole else file.readline(_MOST_LINE_BYTES + 1):
        number += 1
        place = f"{origin}, line {number}" if not whole else origin
        if len(line) > _MOST_LINE_BYTES:
            raise VectorFileError(f"{place}: longer than {_MOST_LINE_BYTES} bytes; write one response per line")
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise VectorFileError(f"{place}: not JSON ({str(error)[:100]}); expected {_FOUND}") from error
        for embedding in _embeddings(document, place):
            yield place, _vector(embedding, place)


def _embeddings(document: Any, place: str) -> list[Any]:
    """The embeddings of one document, in the order of their inputs, still as JSON has them."""
    if isinstance(document, list) and document:
        if isinstance(document[0], int | float):
            return [document]
        if all(isinstance(item, list) for item in document):
            return document
    if isinstance(document, dict):
        if "response" in document and "custom_id" in document:  # a line of batch output
            response = document["response"] or {}
            if document.get("error") or response.get("status_code") != 200:
                raise VectorFileError(
                    f"{place}: the request {document['custom_id']!r} failed "
                    f"({document.get('error') or response.get('status_code')}); send it again, or remove the line"
                )
            return _embeddings(response.get("body"), place)
        if isinstance(document.get("data"), list):  # a response, whose order is that of its indices
            data = document["data"]
            if all(isinstance(item, dict) and "embedding" in item for item in data):
                return _in_order(data, place)
        elif "embedding" in document:
            return [document["embedding"]]
    raise VectorFileError(f"{place}: no embedding in it; expected {_FOUND}")


def _in_order(data: list[dict[str, Any]], place: str) -> list[Any]:
    """The embeddings of a response by their `index`, or as they come if none has one.

    Raises:
        VectorFileError: the indices are not the numbers from 0 on, each once.
    """
    indices = [item.get("index") for item in data]
    if all(index is None for index in indices):
        return [item["embedding"] for item in data]
    places: dict[int, Any] = {
        index: item["embedding"] for index, item in zip(indices, data, strict=True) if type(index) is int
    }
    if len(places) != len(data) or not all(number in places for number in range(len(data))):
        raise VectorFileError(
            f"{place}: a response of {len(data)} embeddings has the indices {str(indices[:10])[:120]}, expected each "
            f"of 0 to {len(data) - 1} once; ask for these embeddings again"
        )
    return [places[number] for number in range(len(data))]


def _vector(embedding: Any, place: str) -> Rows:
    """One embedding (width,): a list of numbers, or base64 of little-endian float32."""
    try:
        if isinstance(embedding, str):
            return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4")
        vector = np.asarray(embedding, dtype=np.float64)  # what float32 cannot hold is scaled later
    except (ValueError, TypeError, binascii.Error, OverflowError) as error:
        raise VectorFileError(
            f"{place}: its embedding is neither numbers nor base64 ({str(error)[:100]}); write it again"
        ) from error
    if vector.ndim != 1 or not len(vector):
        raise VectorFileError(f"{place}: its embedding has shape {vector.shape}, expected one list of numbers")
    return vector


def open_csv(path: Path, width: int | None, column: str | None) -> StreamSource:
    """Open .csv: a column of JSON lists (`embedding`), or numbers only; errors as in `open_vectors`."""
    return from_blocks(path, lambda: _stacked(_csv_rows(path, column), str(path)), width)


def _csv_rows(path: Path, column: str | None) -> Iterator[tuple[str, Rows]]:
    """Yield every embedding (width,), with the place where it was found, for messages."""
    csv.field_size_limit(_MOST_LINE_BYTES)  # a vector of many numbers; by default no field may have 128 KB
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        try:
            first = next(reader, None)
            if first is None:
                return
            names = [name.strip().lower() for name in first]
            place = _list_column(names, column, path)
            if place is None and _is_numbers(first):
                yield f"{path}, line 1", np.asarray(first, dtype=np.float64)
            indexed = place is None and first[:1] == [""]  # pandas writes its index without a name
            for row in filter(None, reader):  # empty lines are no rows
                where = f"{path}, line {reader.line_num}"
                yield where, _csv_vector(row[1:] if indexed else row, place, where)
        except (csv.Error, UnicodeDecodeError) as error:
            raise VectorFileError(f"{path}: not CSV in UTF-8 ({error}); save it again") from error


def _list_column(names: list[str], column: str | None, path: Path) -> int | None:
    """The number of the column that holds JSON lists; None if rows hold numbers only."""
    name = (column or "embedding").strip().lower()
    if name in names:
        return names.index(name)
    if column is not None:
        raise VectorFileError(f"{path}: has no column {column!r}; it has {', '.join(names)[:200]}")
    return None


def _csv_vector(row: list[str], place: int | None, where: str) -> Rows:
    """The embedding (width,) of a row: the JSON list in column `place`, or all of its numbers if that is None."""
    try:
        if place is None:
            return np.asarray(row, dtype=np.float64)
        embedding = json.loads(row[place])
    except (ValueError, IndexError, RecursionError) as error:
        raise VectorFileError(
            f"{where}: no embedding ({str(error)[:100]}); expected a column `embedding` with a list such as "
            '"[0.1, -0.2]", or rows of numbers only'
        ) from error
    return _vector(embedding, where)


def _is_numbers(row: list[str]) -> bool:
    """True if a row is not empty and holds only numbers."""
    try:
        np.asarray(row, dtype=np.float64)
    except ValueError:
        return False
    return bool(row)


def _stacked(rows: Iterator[tuple[str, Rows]], origin: str) -> Iterator[Rows]:
    """Collect rows (width,) into blocks (rows, width).

    Raises:
        VectorFileError: a row has another width than the rows before it.
    """
    held: list[Rows] = []
    width = None
    for place, row in rows:
        width = len(row) if width is None else width
        if len(row) != width:
            raise VectorFileError(
                f"{place}: {len(row)} numbers, but the rows before have {width}; give {origin} rows of one width"
            )
        held.append(row)
        if len(held) == _BLOCK_ROWS:
            yield np.stack(held)
            held = []
    if held:
        yield np.stack(held)
