"""A table as a C header, for firmware that has no files."""

import re

_PER_LINE = 8
_HEAD = """/* The model {name} as a table for lg_open, written by lg-export --format header. */
#ifndef {guard}
#define {guard}

#include <stdint.h>

static const uint64_t {symbol}[{count}] = {{
"""
_TAIL = """}};

#define {upper}_BYTES {size}u

#endif
"""


def header_text(table: bytes, name: str) -> str:
    """A header that defines the table of a model as an aligned array, and its size.

    Args:
        table: what `vector_table` returned; its length is a multiple of 8.
        name: the model's name, from which those in the header are made.
    """
    symbol = "lg_" + re.sub(r"\W", "_", name.lower(), flags=re.ASCII)
    words = [f"0x{int.from_bytes(table[place : place + 8], 'little'):x}u" for place in range(0, len(table), 8)]
    lines = [", ".join(words[place : place + _PER_LINE]) for place in range(0, len(words), _PER_LINE)]
    names = {"name": name.replace("*/", "* /"), "symbol": symbol, "upper": symbol.upper()}
    head = _HEAD.format(guard=f"{symbol.upper()}_H", count=len(words), **names)
    return head + ",\n".join(lines) + "\n" + _TAIL.format(size=len(table), **names)
