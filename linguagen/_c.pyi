"""The C library as an extension module; an installation without it works in Python alone.

Arrays are contiguous buffers. Only their sizes are checked here, not the types of their elements: codes are bytes, all
other numbers float32 unless said. Every function writes to its last arguments, releases the GIL, and raises ValueError
for sizes that do not fit and for rows that the library refuses.
"""

from typing import Any

import numpy.typing as npt

_Array = npt.NDArray[Any]

class Model:
    """A vector model from the bytes of its table, which stay in memory with it. Threads can share one."""

    name: str
    """The model's name."""
    kernels: str
    """The instruction set in use: `avx2`, `neon`, `neon_dot` or `scalar`."""
    input_dim: int
    """Numbers in a vector."""
    output_dim: int
    """Numbers in an embedding."""
    def __init__(self, table: bytes) -> None:
        """Check a table and open it.

        Args:
            table: the content of a .lgt file, aligned to 4 bytes, as `bytes` are.
        """
    def encode(self, vectors: _Array, embeddings: _Array) -> None:
        """Compress vectors (rows, input_dim) to embeddings (rows, output_dim)."""

class Codec:
    """A kind of code of one width. Threads can share one."""

    bytes_per_row: int
    """Bytes that the code of one embedding takes."""
    def __init__(self, kind: int, dim: int, output_dim: int, mean: _Array, deviation: _Array) -> None:
        """Make a codec.

        Args:
            kind: place of the kind in `linguagen.runtime.codes.codec.KINDS`.
            dim: leading dimensions that are kept.
            output_dim: numbers in an embedding of the model.
            mean: (dim,) of the rotated embeddings.
            deviation: (dim,) of the rotated embeddings.
        """
    def encode(self, embeddings: _Array, codes: _Array) -> None:
        """Write embeddings (rows, output_dim) as codes (rows, bytes_per_row)."""
    def decode(self, codes: _Array, embeddings: _Array) -> None:
        """Read codes (rows, bytes_per_row) as embeddings (rows, dim)."""
    def lengths(self, codes: _Array, lengths: _Array) -> None:
        """Measure the lengths (rows,) of what codes (rows, bytes_per_row) stand for."""
    def search(self, queries: _Array, codes: _Array, lengths: _Array | None, rows: _Array, cosines: _Array) -> None:
        """Find the codes nearest to each query, nearest first.

        Args:
            queries: (queries, output_dim), each of length 1.
            codes: (rows, bytes_per_row).
            lengths: (rows,) from `lengths`; None to measure them in passing.
            rows: is written: (queries, k) int64, numbers of the nearest codes.
            cosines: is written: (queries, k).
        """

class Trellis:
    """How a model writes embeddings in any number of bytes. Threads can share one."""

    def __init__(self, dim: int, floats: _Array, order: _Array) -> None:
        """Make a trellis.

        Args:
            dim: numbers in an embedding of the model.
            floats: means (dim,), deviations (dim,), weights (dim,), gains and tables, one after another.
            order: (steps,) uint16.
        """
    def encode(self, size: int, embeddings: _Array, codes: _Array) -> None:
        """Write embeddings (rows, dim) as codes (rows, size)."""
    def decode(self, size: int, codes: _Array, embeddings: _Array) -> None:
        """Read codes (rows, size) as embeddings (rows, dim)."""
    def search(self, size: int, queries: _Array, codes: _Array, rows: _Array, cosines: _Array) -> None:
        """Find the codes nearest to each query, nearest first.

        Args:
            size: bytes of a code.
            queries: (queries, dim), each of length 1.
            codes: (rows, size).
            rows: is written: (queries, k) int64, numbers of the nearest codes.
            cosines: is written: (queries, k).
        """

class Text:
    """A text model from the bytes of its table, which stay in memory with it. Threads can share one."""

    name: str
    """The model's name."""
    output_dim: int
    """Numbers in an embedding."""
    def __init__(self, table: bytes) -> None:
        """Check a table and open it."""
    def tokenize(self, text: str) -> list[int]:
        """The tokens of a text of any length, those of its SentencePiece model; holds the GIL."""
    def embed(self, texts: list[str], embeddings: _Array, slots: int) -> list[int]:
        """Embed texts of any length; returns the places of those that have no token.

        Args:
            texts: the texts.
            embeddings: is written: (texts, output_dim).
            slots: tokens whose products are kept until the last text is done, at some KB each; 0 for a few texts.
        """
    def embed_tokens(self, tokens: _Array, embedding: _Array) -> None:
        """Embed tokens (count,) uint32 as an embedding (output_dim,)."""
