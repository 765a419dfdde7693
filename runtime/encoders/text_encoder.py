"""The text encoder: strings in, embeddings out, without an API and without a network."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import ClassVar

import numpy as np

from linguagen.models.catalogue import DEFAULT_TEXT_MODEL
from linguagen.models.errors import TextError
from linguagen.models.manifests.text import TOKENS_NAME, TextManifest
from linguagen.models.manifests.vectors import OUTPUT_NAME
from linguagen.models.model_file import read_text_file
from linguagen.runtime.c.text_engine import TextEngine
from linguagen.runtime.c.text_table import text_table
from linguagen.runtime.c.text_weights import text_weights
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.encoders.engine import Engine, check_engine
from linguagen.runtime.encoders.loaded import LoadedModel
from linguagen.runtime.text.tokenizer import (
    BLOCK_CHARACTERS,
    LONG_CHARACTERS,
    Tokenizer,
    check_strings,
    pad,
    refuse_empty,
)
from linguagen.runtime.vectors import Array

CHUNK_TEXTS = 4096
"""Texts that are tokenized and sorted by length at a time, so that memory stays flat for any input."""
WINDOW_TOKENS = 4096
"""A text of more tokens is embedded in windows of this many, so that memory stays flat for texts of any length."""
_BATCH_TOKENS = 2048
"""Tokens in one onnxruntime call, padding included, so that all intermediate values stay in the processor's cache."""
_BATCHES_PER_THREAD = 4
"""Smaller batches hold texts of more equal length, so less padding is computed, but every call costs time."""
_MIN_BATCH = 16
"""Texts in a batch, at least."""

_FEW_TEXTS = 16
"""Up to so many texts, the C library is faster than onnxruntime: see docs/results/c.md."""

_CALLS_BEFORE_C = 8
"""Calls with few texts before the C library takes over, since opening it takes as long as some hundred calls."""

Batch = list[int]
"""Numbers of the texts that are embedded in one call."""


class TextEncoder(LoadedModel):
    """Embeds texts with a model file. Threads can share one; it pickles with its model, for worker processes."""

    default_model: ClassVar[str] = DEFAULT_TEXT_MODEL

    def __init__(self, path: Path, device: str, threads: int | None, engine: str = "auto") -> None:
        """Read a text model's file; `load` also finds it by name and starts its engine."""
        check_engine(engine, device, threads)
        file = read_text_file(path)
        self.manifest: TextManifest = file.manifest
        self._choice, self._file, self._path, self._few_calls = engine, file, str(path), 0
        if engine != "c":
            self.tokenizer = Tokenizer(file.tokenizer, str(path))
        self._threads = threads or usable_cores()
        ends: list[tuple[str, int | str]] = [(TOKENS_NAME, "length"), (OUTPUT_NAME, self.manifest.output_dim)]
        # Texts are small: one batch per thread is faster than several threads inside a batch.
        self._engine = Engine(file.data, str(path), ends, "cpu" if engine == "c" else device, threads=1)

    def _open_c(self) -> TextEngine:
        """Open the model in the C library; errors as in `text_weights`."""
        return TextEngine(text_table(text_weights(self._file, self._path)), self._threads)

    def embed(self, texts: str | Sequence[str], first: int = 0) -> Array:
        """Embed texts of any length; each by itself, so batches and order change nothing.

        A text of more than `WINDOW_TOKENS` tokens gets the mean of its windows' embeddings, each weighted by its number
        of tokens, scaled to length 1.

        Args:
            texts: strings in any script, or a single one.
            first: number of the first text, for messages.

        Returns:
            (texts, output_dim) float32, each row of length 1.

        Raises:
            TextError: a text is empty, or is not a string; the message has its number.
        """
        listed = [texts] if isinstance(texts, str) else texts
        check_strings(listed, first)
        if self._takes_c(listed) and self._c is not None:
            found, empty = self._c.run(listed)
            refuse_empty(empty, listed, first)
            return found  # type: ignore[no-any-return]
        embeddings = np.empty((len(listed), self.manifest.output_dim), dtype=np.float32)
        for start, end in chunk_bounds(list(map(len, listed)), CHUNK_TEXTS, BLOCK_CHARACTERS):
            if len(listed[start]) > LONG_CHARACTERS:
                embeddings[start] = self._embed_long(listed[start], first + start)
            else:
                embeddings[start:end] = self._embed_chunk(listed[start:end], first + start)
        return embeddings

    def _takes_c(self, texts: Sequence[str]) -> bool:
        """Whether the C library is to embed texts: those few and short ones for which it is faster, or all."""
        if self._choice != "auto" or self.device != "cpu":
            return self._choice == "c"
        if len(texts) > _FEW_TEXTS or sum(map(len, texts)) > LONG_CHARACTERS:
            return False
        self._few_calls += 1
        return self._few_calls > _CALLS_BEFORE_C

    def _embed_chunk(self, texts: Sequence[str], first: int) -> Array:
        """Embeddings (texts, output_dim) of a chunk of texts, none of which has more than LONG_CHARACTERS."""
        embeddings = np.empty((len(texts), self.manifest.output_dim), dtype=np.float32)
        tokens = self.tokenizer.tokenize(texts, first, self._threads if len(texts) > _MIN_BATCH else 1)
        short = [number for number, each in enumerate(tokens) if len(each) <= WINDOW_TOKENS]
        embeddings[short] = self._embed_tokens([tokens[number] for number in short])
        for number in set(range(len(texts))).difference(short):
            embeddings[number] = self._embed_long(texts[number], first + number)
        return embeddings

    def _embed_long(self, text: str, number: int) -> Array:
        """The embedding (output_dim,) of a text of any length, by windows; its number is for messages.

        Raises:
            TextError: the text has no token.
        """
        windows, total = self.tokenizer.windows(text, WINDOW_TOKENS), np.zeros(self.manifest.output_dim)
        with ThreadPoolExecutor(self._threads) as pool:
            while some := list(islice(windows, self._threads)):
                rows = pool.map(lambda window: self._engine.run(pad([window]))[0], some)
                total += sum(len(window) * row.astype(np.float64) for window, row in zip(some, rows, strict=True))
        if not total.any():
            raise TextError(f"text {number} has {len(text)} characters and no token; leave it out")
        return np.asarray(total / np.linalg.norm(total), dtype=np.float32)

    def _embed_tokens(self, tokens: list[list[int]]) -> Array:
        """Embeddings (texts, output_dim) of token lists, batches on several threads."""
        embeddings = np.empty((len(tokens), self.manifest.output_dim), dtype=np.float32)

        def run(batch: Batch) -> None:
            """Embed one batch."""
            embeddings[batch] = self._engine.run(pad([tokens[number] for number in batch]))

        size = max(_MIN_BATCH, -(-len(tokens) // (_BATCHES_PER_THREAD * self._threads)))
        batches = list(batches_by_length(list(map(len, tokens)), size))
        if len(batches) == 1 or self._threads == 1:
            for batch in batches:
                run(batch)
            return embeddings
        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(run, batches))
        return embeddings


def chunk_bounds(lengths: Sequence[int], texts: int, characters: int) -> Iterator[tuple[int, int]]:
    """Divide texts into chunks in their order: yields the first text of each, and the one after its last.

    A text of more than LONG_CHARACTERS is a chunk of its own.

    Args:
        lengths: characters in each text.
        texts: texts in a chunk, at most.
        characters: characters in a chunk, at most, unless its only text has more.
    """
    start = held = 0
    for number, length in enumerate(lengths):
        alone = max(length, lengths[start]) > LONG_CHARACTERS
        if number > start and (alone or number - start == texts or held + length > characters):
            yield start, number
            start, held = number, 0
        held += length
    if lengths:
        yield start, len(lengths)


def batches_by_length(lengths: Sequence[int], size: int) -> Iterator[Batch]:
    """Divide texts into batches of similar length, so that little padding is computed.

    Args:
        lengths: tokens in each text.
        size: texts in a batch, at most.
    """
    batch: Batch = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) == size or lengths[number] * (len(batch) + 1) > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch
