"""The columns that an index takes over from the file of vectors or texts that it is built from."""

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from linguagen.models.errors import UsageError
from linguagen.runtime.encoders.text_sources import TextFolder, TextRecords, TextSource, TextTable
from linguagen.runtime.reading.sources import STDIN, Source
from linguagen.runtime.reading.tables import TableSource, is_vectors, table_batches

TEXT = "text"
"""The column of the texts of lines and folders."""
_BATCH_RECORDS = 4096

Batch = dict[str, list[Any]]
"""Values by the name of their column, all columns of one length."""


def text_column(source: Source) -> str:
    """The column of texts that an index of a source has; empty if there is none."""
    if isinstance(source, TextFolder):
        return TEXT
    if isinstance(source, TextTable | TextRecords):
        return source.column
    if isinstance(source, TextSource):
        return TEXT
    return TEXT if isinstance(source, TableSource) and TEXT in source.names else ""


def carried_columns(source: Source) -> Iterator[Batch] | None:
    """Yield the columns of a source in batches of rows, in its order; None if it has none.

    Columns of vectors are left out: their codes are what an index keeps.

    Raises:
        UsageError: the source is standard input, whose texts cannot be read a second time.
    """
    if isinstance(source, TextSource) and str(source.path) == STDIN:
        raise UsageError("standard input can be read only once, and an index keeps the texts too; write them to a file")
    if isinstance(source, TextFolder):
        return _of_folder(source)
    if isinstance(source, TableSource):
        return _of_table(source)
    if isinstance(source, TextRecords):
        return _of_records(source)
    if isinstance(source, TextSource):
        return ({TEXT: block[:, 0].tolist()} for block in source.blocks())
    return None


def _of_folder(source: TextFolder) -> Iterator[Batch]:
    """Names and texts of the files of a folder."""
    names = iter(source.file_names())
    for block in source.blocks():
        yield {"file": list(islice(names, len(block))), TEXT: block[:, 0].tolist()}


def _of_table(source: TableSource) -> Iterator[Batch] | None:
    """All columns of a table that are not vectors; None if there are none."""
    names = [name for name, kind in source.types() if not is_vectors(kind)]
    return (batch.to_pydict() for batch in table_batches(source.path, names)) if names else None


def _of_records(source: TextRecords) -> Iterator[Batch]:
    """The fields of records; the first record has all of their names.

    Raises:
        UsageError: a later record has a field that the first lacks.
    """
    value: Callable[[Any], Any] = _number if source.path.suffix.lower() in (".csv", ".tsv") else lambda each: each
    records, count = source.records(), 0
    names: list[str] = []
    while block := list(islice(records, _BATCH_RECORDS)):
        names = names or list(block[0])
        for number, record in enumerate(block, count + 1):
            unknown = next((name for name in record if name not in names), None)
            if unknown is not None:
                raise UsageError(
                    f"{source.origin}: record {number} has a field {unknown!r}, which the first has not; give the "
                    "first record every field, null if it has no value"
                )
        yield {
            name: [record.get(name) if name == source.column else value(record.get(name)) for record in block]
            for name in names
        }
        count += len(block)


def _number(text: str) -> Any:
    """A field of CSV as the number that is written in it, if writing that number gives the same text again."""
    for kind in (int, float):
        try:
            if str(kind(text)) == text and math.isfinite(kind(text)):
                return kind(text)
        except (TypeError, ValueError, OverflowError):  # no number, or a whole one of many digits
            continue
    return text
