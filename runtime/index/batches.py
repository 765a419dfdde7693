"""Rows in memory as what a container takes: batches of codes, with the columns of as many rows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from linguagen.models.errors import UsageError
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.columns import text_list
from linguagen.runtime.index.about import ROW
from linguagen.runtime.index.blocks import BLOCK_ROWS, Bytes
from linguagen.runtime.index.carried import TEXT
from linguagen.runtime.index.model import are_texts
from linguagen.runtime.index.values import Columns
from linguagen.runtime.vectors import Array


def kept_columns(rows: Any, id_column: str, ids: Any, columns: Mapping[str, Any] | None) -> Columns:
    """The columns to keep of rows: their ids, the rows themselves if they are texts, and others.

    Args:
        rows: vectors or texts.
        id_column: the column of ids; `_row` if the index has none.
        ids: a number or text for each row, or None.
        columns: values for each row by the names of their columns, or None.

    Raises:
        UsageError: columns differ in length or are given twice, or there are ids for an index without ids.
    """
    kept: dict[str, Sequence[Any]] = {}
    if ids is not None:
        if id_column == ROW:
            raise UsageError("the rows of this index have no ids of their own; leave ids out")
        kept[id_column] = text_list(ids)
    if are_texts(rows):
        kept[TEXT] = text_list(rows)
    for name, values in (columns or {}).items():
        if name in kept:
            raise UsageError(f"the column {name!r} is given twice; leave one out")
        kept[name] = text_list(values)
    wrong = next((name for name, values in kept.items() if len(values) != len(rows)), None)
    if wrong is not None:
        raise UsageError(
            f"the column {wrong!r} has {len(kept[wrong])} values, expected one for each of {len(rows)} rows"
        )
    return kept


def batches_of(
    embeddings: Array, codec: Codec | TrellisCodec, columns: Columns
) -> Iterator[tuple[Bytes, dict[str, Sequence[Any]]]]:
    """Yield the codes (rows, bytes_per_row) of embeddings (rows, output_dim) in batches, with their columns."""
    for first in range(0, len(embeddings), BLOCK_ROWS):
        part = slice(first, first + BLOCK_ROWS)
        codes = np.ascontiguousarray(codec.encode(embeddings[part]))
        yield codes.view(np.uint8), {name: values[part] for name, values in columns.items()}
