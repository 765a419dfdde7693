"""The text encoder: strings in, embeddings out, without an API and without a network."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from linguagen.models.catalogue import DEFAULT_TEXT_MODEL
from linguagen.models.errors import TextError
from linguagen.models.manifests.text import TOKENS_NAME, TextManifest
from linguagen.models.manifests.vectors import OUTPUT_NAME
from linguagen.models.model_file import read_text_file
from linguagen.runtime.c.text_engine import TextEngine
from linguagen.runtime.c.text_table import text_table
from linguagen.runtime.c.text_weights import text_weights
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.encoders.engine import Engine, check_engine
from linguagen.runtime.encoders.loaded import LoadedModel
from linguagen.runtime.text.tokenizer import (
    BLOCK_CHARACTERS,
    LONG_CHARACTERS,
    Tokenizer,
    check_strings,
    checked_texts,
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
"""Up to this many texts, the C library is faster than onnxruntime: see docs/results/c.md."""

_CALLS_BEFORE_C = 8
"""Calls with few texts before the C library takes over, since opening it takes as long as some hundred calls."""

Batch = list[int]
"""Numbers of the texts that are embedded in one call."""


class TextEncoder(LoadedModel):
    """Embeds texts with a model file. Threads can share one; it pickles with its model, for worker processes."""

    default_model: ClassVar[str] = DEFAULT_TEXT_MODEL

    _engine: Engine

    def __init__(self, path: Path, device: str, threads: int | None, engine: str = "auto") -> None:
        """Read a text model's file; `load` also finds it by name and starts its engine."""
        check_engine(engine, device, threads)
        file = read_text_file(path)
        self.manifest: TextManifest = file.manifest
        self._choice, self._file, self._path, self._few_calls = engine, file, str(path), 0
        if engine != "c":
            _ = self.tokenizer  # so that a package that is missing is missed now
        self._threads = threads or usable_cores()
        ends: list[tuple[str, int | str]] = [(TOKENS_NAME, "length"), (OUTPUT_NAME, self.manifest.output_dim)]
        # Texts are small: one batch per thread is faster than several threads inside a batch.
        self._engine = Engine(file.data, str(path), ends, "cpu" if engine == "c" else device, threads=1)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer in the model's file; the engine `c` does not need it.

        Raises:
            MissingExtraError: sentencepiece is not installed.
        """
        return Tokenizer(self._file.tokenizer, self._path)

    def _open_c(self) -> TextEngine:
        """Open the model in the C library; errors as in `text_weights`."""
        return TextEngine(text_table(text_weights(self._file, self._path)), self._threads)

    def embed(self, texts: Any, first: int = 0) -> Array:
        """Embed texts of any length; each by itself, so batches and order change nothing.

        A text of more than `WINDOW_TOKENS` tokens gets the mean of its windows' embeddings, each weighted by its number
        of tokens, scaled to length 1.

        Args:
            texts: strings in any script: a list, a pandas or polars Series, an Arrow or numpy array, or a single one.
            first: number of the first text, for messages.

        Returns:
            (texts, output_dim) float32, each row of length 1.

        Raises:
            TextError: a text is empty, or is not a string; the message has its number.
        """
        listed = checked_texts(texts, first)
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

    def codec(self, kind: str = "float32", dim: int | None = None) -> Codec:
        """The codec that writes this model's embeddings in fewer bytes, as `Compressor.codec` does."""
        return Codec.make(kind, self.manifest.output_dim if dim is None else dim, self.manifest.embedding_moments)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text, as numbers of the model's pieces: what `embed_tokens` takes.

        Raises:
            TextError: a text is empty, or is not a string; the message has its number.
        """
        check_strings(texts, 0)
        if self._choice == "c":
            found: list[list[int]] = self._c.tokenize(texts)
            refuse_empty([number for number, each in enumerate(found) if not each], texts, 0)
            return found
        short = [text if len(text) <= LONG_CHARACTERS else "-" for text in texts]
        tokens = self.tokenizer.tokenize(short, 0, self._threads if len(texts) > _MIN_BATCH else 1)
        for number, text in enumerate(texts):
            if len(text) > LONG_CHARACTERS:
                tokens[number] = list(chain.from_iterable(self.tokenizer.windows(text, WINDOW_TOKENS)))
                _refuse_nothing(text, number, bool(tokens[number]))
        return tokens

    def embed_tokens(self, tokens: Sequence[Sequence[int]]) -> Array:
        """Embed texts that are given as tokens, as `tokenize` gives them.

        Args:
            tokens: numbers of the model's pieces, from 1 to `manifest.pieces` - 1, for each text.

        Returns:
            (texts, output_dim) float32, each row of length 1.

        Raises:
            TextError: a text has no token, or one that the model does not have; the message has the text's number.
        """
        last = self.manifest.pieces - 1
        for number, each in enumerate(tokens):
            if not each or not 0 < min(each) <= max(each) <= last:
                raise TextError(
                    f"text {number} has {f'tokens from {min(each)} to {max(each)}' if each else 'no token'}, expected "
                    f"1 to {last}, as this model's own tokenizer gives them; give the text instead"
                )
        if self._choice == "c":
            return self._c.run_tokens(tokens)  # type: ignore[no-any-return]
        embeddings = np.empty((len(tokens), self.manifest.output_dim), dtype=np.float32)
        short = [number for number, each in enumerate(tokens) if len(each) <= WINDOW_TOKENS]
        embeddings[short] = self._embed_tokens([list(tokens[number]) for number in short])
        for number in set(range(len(tokens))).difference(short):
            embeddings[number] = self._mean_of(_windows(tokens[number]))
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
        windows = self.tokenizer.windows(text, WINDOW_TOKENS)
        first = next(windows, None)
        _refuse_nothing(text, number, first is not None)
        return self._mean_of(chain([first or []], windows))

    def _mean_of(self, windows: Iterator[list[int]]) -> Array:
        """The mean (output_dim,) of the embeddings of windows of tokens, weighted by their tokens, of length 1."""
        total = np.zeros(self.manifest.output_dim)
        with ThreadPoolExecutor(self._threads) as pool:
            while some := list(islice(windows, self._threads)):
                rows = pool.map(lambda window: self._engine.run(pad([window]))[0], some)
                total += sum(len(window) * row.astype(np.float64) for window, row in zip(some, rows, strict=True))
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


def _refuse_nothing(text: str, number: int, has_tokens: bool) -> None:
    """Refuse a long text without tokens; its number is for the message.

    Raises:
        TextError: it has none.
    """
    if not has_tokens:
        raise TextError(f"text {number} has {len(text)} characters and no token; leave it out")


def _windows(tokens: Sequence[int]) -> Iterator[list[int]]:
    """The tokens of a text in windows of WINDOW_TOKENS."""
    return (list(tokens[start : start + WINDOW_TOKENS]) for start in range(0, len(tokens), WINDOW_TOKENS))


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


def batches_by_length(lengths: Sequence[int], size: int, tokens: int = _BATCH_TOKENS) -> Iterator[Batch]:
    """Divide texts into batches of similar length, so that little padding is computed.

    Args:
        lengths: tokens in each text.
        size: texts in a batch, at most.
        tokens: tokens in a batch with more than one text, padding included, at most.
    """
    batch: Batch = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) == size or lengths[number] * (len(batch) + 1) > tokens):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch
