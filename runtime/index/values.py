"""Values of columns as SQLite stores them: whole numbers, floats, texts, bytes, and nothing."""

import datetime
import decimal
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from linguagen.models.errors import UsageError

Columns = Mapping[str, Sequence[Any]]
"""Values by the name of their column, all columns of one length."""
_TYPES = {bool: "INTEGER", int: "INTEGER", float: "REAL", str: "TEXT", bytes: "BLOB"}


def stored(value: Any) -> Any:
    """A value as SQLite stores it: dates and decimals become text, lists and structures JSON.

    Raises:
        UsageError: the value is of another type.
    """
    if value is None or type(value) in _TYPES:
        return value
    if isinstance(value, np.generic):
        return stored(value.item())
    if isinstance(value, np.ndarray):
        return stored(value.tolist())
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | datetime.timedelta):
        return str(value)
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, default=stored, ensure_ascii=False)
    raise UsageError(
        f"a value of type {type(value).__name__} cannot be in an index ({str(value)[:60]}); make it a number or a text"
    )


def declared_type(values: Iterable[Any]) -> str:
    """The SQL type to declare for a column: that of its first value; empty, which takes all, if there is none."""
    return next((_TYPES[type(each)] for each in map(stored, values) if each is not None), "")
