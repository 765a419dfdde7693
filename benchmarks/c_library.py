"""The C library as its own build, called through ctypes, so that benchmarks time nothing of Python."""

import ctypes
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from linguagen.runtime.codes.codec import KINDS, Codec

ROOT = Path(__file__).resolve().parent.parent
DIM, NEAREST = 256, 10
_STRUCT_BYTES = 512
"""More than a model, a codec or ten hits take."""


def build(folder: Path) -> Path:
    """Compile the amalgamation as a shared library; returns its path."""
    subprocess.run(["python3", str(ROOT / "c" / "amalgamate.py"), str(folder)], check=True, capture_output=True)
    words = ["cc", "-O2", "-shared", "-fPIC", "linguagen.c", "-lm", "-o", "linguagen.so"]
    subprocess.run(words, check=True, cwd=folder)
    return folder / "linguagen.so"


class Library:
    """The C library with one model, called through ctypes."""

    def __init__(self, path: Path, table_file: Path) -> None:
        """Load the library and open a table."""
        self.c = ctypes.CDLL(str(path))
        for name in ("lg_encode_scratch", "lg_codes_scratch", "lg_search_scratch"):
            getattr(self.c, name).restype = ctypes.c_size_t
        self.c.lg_kernels_name.restype = ctypes.c_char_p
        self.model = ctypes.create_string_buffer(_STRUCT_BYTES)
        self.table = np.fromfile(table_file, "<u8")
        check(self.c.lg_open(self.model, pointer(self.table), ctypes.c_size_t(self.table.nbytes)))

    def encoder(self, rows: np.ndarray) -> Callable[[], Any]:
        """A call that compresses rows (n, 1536)."""
        count = ctypes.c_size_t(len(rows))
        out = np.empty((len(rows), DIM), np.float32)
        scratch = np.empty(self.c.lg_encode_scratch(self.model, count) // 8 + 1, "<u8")
        words = (self.model, pointer(rows), count, pointer(out), pointer(scratch), None)
        return partial(call, self.c.lg_encode, words, keep=(rows, out, scratch))

    def searcher(self, codec: Codec, query: np.ndarray, codes: np.ndarray) -> Callable[[], Any]:
        """A call that finds the codes (rows, columns) nearest to a query (dim)."""
        c_codec, count = ctypes.create_string_buffer(_STRUCT_BYTES), ctypes.c_size_t(len(codes))
        check(self.c.lg_codec_open(c_codec, self.model, KINDS.index(codec.kind), codec.dim))
        lengths, scratch = np.empty(len(codes), np.float32), np.empty(1 << 16, "<u8")
        check(self.c.lg_codes_lengths(c_codec, pointer(codes), count, pointer(lengths), pointer(scratch)))
        hits = ctypes.create_string_buffer(_STRUCT_BYTES)
        arrays = (pointer(query), pointer(codes), pointer(lengths))
        words = (c_codec, *arrays, count, ctypes.c_size_t(NEAREST), hits, pointer(scratch))
        return partial(call, self.c.lg_search, words, keep=(query, codes, lengths, scratch))

    def scratch_sizes(self, rows: int, kind: str) -> tuple[int, int]:
        """Bytes of scratch memory to compress rows, and to search codes of a kind."""
        codec = ctypes.create_string_buffer(_STRUCT_BYTES)
        check(self.c.lg_codec_open(codec, self.model, KINDS.index(kind), DIM))
        return self.c.lg_encode_scratch(self.model, ctypes.c_size_t(rows)), self.c.lg_search_scratch(codec)


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    """The address of an array of any shape."""
    return ctypes.c_void_p(array.ctypes.data)


def call(function: Any, words: tuple[Any, ...], keep: tuple[np.ndarray, ...]) -> None:  # noqa: ARG001
    """Call a function of the library, with arrays of any shape that stay alive as long as the call."""
    check(function(*words))


def check(status: int) -> None:
    """Refuse any status but LG_OK.

    Raises:
        RuntimeError: a call failed.
    """
    if status:
        raise RuntimeError(f"the C library returned the status {status}")
