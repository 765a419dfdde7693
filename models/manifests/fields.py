"""Checks that the fields of a manifest hold what their types say, whoever wrote the file."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from linguagen.models.arrays import Array

_WORDS: dict[Any, str] = {str: "text", int: "a whole number", float: "a number"}


def check_types(document: Any) -> None:
    """Check all fields of a dataclass, and of the dataclasses in them, against their declared types.

    Args:
        document: an instance of a dataclass whose fields were read from a file.

    Raises:
        TypeError: a field holds something else; the message names it.
    """
    hints = get_type_hints(type(document))
    for item in fields(document):
        value, hint = getattr(document, item.name), hints[item.name]
        if not _fits(value, hint):
            raise TypeError(f"{item.name} is {value!r:.60}, expected {_WORDS.get(hint, 'other contents')}")


def at_least_one(**sizes: int) -> None:
    """Check sizes, each given by the name of its field.

    Raises:
        ValueError: one is below 1.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} is {size}, expected 1 or more")


def check_shape(name: str, array: Array, expected: tuple[int, ...]) -> None:
    """Check the shape of an array that a field holds.

    Raises:
        ValueError: it has another.
    """
    if array.shape != expected:
        raise ValueError(f"{name} has the shape {array.shape}, expected {expected}")


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type; a whole number is a number too, and true and false are none."""
    origin, arguments = get_origin(hint) or hint, get_args(hint)
    if origin is Any:
        return True
    if origin is types.UnionType:
        return any(_fits(value, each) for each in arguments)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(each, arguments[0]) for each in value)
    if origin is Mapping:
        return isinstance(value, dict) and all(_fits(each, arguments[1]) for each in value.values())
    if origin is float:
        return type(value) in (int, float)
    if is_dataclass(value):
        check_types(value)
    return isinstance(value, origin) and not isinstance(value, bool)
