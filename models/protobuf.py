"""Fields of Protocol Buffers messages, read and written by hand.

A message is a run of fields: a number and a wire type, then a value (Protocol Buffers documentation, "Encoding").
"""

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class MalformedError(Exception):
    """The bytes are not a protobuf message."""


def read_fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Walk through the fields of a message.

    Yields:
        The number and the value of each field.

    Raises:
        MalformedError: the bytes are not a message.
    """
    place = 0
    while place < len(data):
        start = place
        tag, place = _read_varint(data, place)
        kind = tag & 7
        value: int | memoryview
        if kind == _VARINT:
            value, place = _read_varint(data, place)
        else:
            if kind == _BYTES:
                length, place = _read_varint(data, place)
            elif kind in (_FIXED64, _FIXED32):
                length = 8 if kind == _FIXED64 else 4
            else:
                raise MalformedError(f"wire type {kind} at byte {start}")
            if length > len(data) - place:
                raise MalformedError(f"a field of {length} bytes where {len(data) - place} are left")
            value, place = data[place : place + length], place + length
        yield tag >> 3, value


def as_message(value: int | memoryview) -> memoryview:
    """The value of a field that holds a message or a text.

    Raises:
        MalformedError: the field holds a number.
    """
    if isinstance(value, int):
        raise MalformedError("a number where a message was expected")
    return value


def as_text(value: int | memoryview) -> str:
    """The value of a field that holds a text; bytes that are not UTF-8 become replacement characters.

    Raises:
        MalformedError: the field holds a number.
    """
    return bytes(as_message(value)).decode("utf-8", "replace")


def read_numbers(value: int | memoryview) -> list[int]:
    """The numbers of a repeated field, which lie one to a field or packed into one."""
    if isinstance(value, int):
        return [value]
    found, place = [], 0
    while place < len(value):
        number, place = _read_varint(value, place)
        found.append(number)
    return found


def write_number(field: int, value: int) -> bytes:
    """A field that holds a number, 0 or above."""
    return _write_varint(field << 3 | _VARINT) + _write_varint(value)


def write_message(field: int, data: bytes) -> bytes:
    """A field that holds a message, or any other bytes."""
    return _write_varint(field << 3 | _BYTES) + _write_varint(len(data)) + data


def write_text(field: int, value: str) -> bytes:
    """A field that holds a text."""
    return write_message(field, value.encode())


def _read_varint(data: memoryview, place: int) -> tuple[int, int]:
    """A number in base 128, lowest digit first, and the place after it; its last byte is below 128."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte, place = data[place], place + 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise MalformedError("a number without an end")


def _write_varint(value: int) -> bytes:
    """A number as `_read_varint` reads it."""
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    return bytes([*data, value])
