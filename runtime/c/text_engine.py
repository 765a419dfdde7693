"""A text model in the C library."""

from collections.abc import Sequence

import numpy as np

from linguagen.runtime.native import run_parts
from linguagen.runtime.vectors import Array

_LEAST_TEXTS = 8
"""Texts for a thread, at least."""

_CACHED_TEXTS = 64
"""Texts for which a cache of their tokens pays, at least."""
_SLOTS = 4096
"""Tokens in a cache."""


class TextEngine:
    """A text model in the C library; needs `native.has_library()`. Threads can share one."""

    def __init__(self, table: bytes, threads: int) -> None:
        """Open a model.

        Args:
            table: what `text_table` returns.
            threads: CPU threads for one call.
        """
        from linguagen._c import Text

        self._model, self._threads = Text(table), threads

    def run(self, texts: Sequence[str]) -> tuple[Array, list[int]]:
        """Embeddings (texts, output_dim) of texts of any length, and the numbers of those that have no token."""
        embeddings = np.zeros((len(texts), self._model.output_dim), np.float32)
        empty: list[int] = []

        def embed(first: int, end: int) -> None:
            """Embed some of the texts."""
            slots = _SLOTS if end - first >= _CACHED_TEXTS else 0
            found = self._model.embed(list(texts[first:end]), embeddings[first:end], slots)
            empty.extend(first + place for place in found)

        run_parts(embed, len(texts), self._threads, _LEAST_TEXTS)
        return embeddings, sorted(empty)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text; none for a text that is empty."""
        return [self._model.tokenize(text) for text in texts]

    def run_tokens(self, tokens: Sequence[Sequence[int]]) -> Array:
        """Embeddings (texts, output_dim) of texts that are given as tokens, at least one each."""
        embeddings = np.empty((len(tokens), self._model.output_dim), np.float32)

        def embed(first: int, end: int) -> None:
            """Embed some of the texts."""
            for number in range(first, end):
                self._model.embed_tokens(np.asarray(tokens[number], np.uint32), embeddings[number])

        run_parts(embed, len(tokens), self._threads, _LEAST_TEXTS)
        return embeddings
