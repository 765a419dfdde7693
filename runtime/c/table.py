"""What the tables of all kinds of models share: the first 32 bytes, aligned sections and a checksum."""

import struct
from collections.abc import Iterable

import numpy as np

MAGIC = b"LGTABLE\n"
VERSION = 1
HEADER = {"vectors": 192, "text": 256}
"""Bytes before the first section, by kind of model; the place of a kind here is its number in a table."""
STRIDE = 32
"""Rows of integers are filled up to a multiple of this many bytes: one AVX2 register."""
_CHECKED = 32
"""The checksum covers all bytes from here on."""
_ALIGNMENT = 64
_NAME_BYTES = 63
_PRIME = 0x100000001B3
_START = 0xCBF29CE484222325


def table_of(kind: str, sha256: str, name: str, fields: bytes, sections: Iterable[bytes]) -> bytes:
    """The bytes of a table.

    Args:
        kind: `vectors` or `text`.
        sha256: hash of the model file that the table is made from, in hexadecimal.
        name: the model's name.
        fields: what follows the name in the header, up to the offsets of the sections.
        sections: the content of each section.
    """
    place, offsets, parts = HEADER[kind], [], []
    for section in sections:
        offsets.append(place)
        parts.append(section + bytes(-len(section) % _ALIGNMENT))
        place += len(parts[-1])
    cut = name.encode()[:_NAME_BYTES].decode(errors="ignore").encode()
    places = struct.pack(f"<{len(offsets)}I", *offsets)
    head = bytes.fromhex(sha256) + cut.ljust(_NAME_BYTES + 1, b"\0") + fields + places
    rest = b"".join([head.ljust(HEADER[kind] - _CHECKED, b"\0"), *parts])
    number = list(HEADER).index(kind)
    return struct.pack("<8sIIQQ", MAGIC, VERSION, number, _CHECKED + len(rest), checksum(rest)) + rest


def checksum(data: bytes) -> int:
    """A polynomial of little-endian words of 8 bytes, modulo 2 ** 64: a change of any one word changes it.

    h = start, then h = h * prime + word, with start and prime of FNV (Fowler, Noll and Vo).
    """
    words = np.frombuffer(data, "<u8")
    powers = np.full(len(words) + 1, _PRIME, np.uint64)
    powers[0] = 1
    powers = np.multiply.accumulate(powers)  # wraps, as unsigned integers do
    total = int((words * powers[:-1][::-1]).sum(dtype=np.uint64))
    return (_START * int(powers[-1]) + total) % 2**64
