"""The text encoder: strings in, embeddings out, without an API and without a network."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np

from linguagen.models.catalogue import DEFAULT_TEXT_MODEL
from linguagen.models.errors import UsageError
from linguagen.models.manifests.text import TOKENS_NAME, TextManifest
from linguagen.models.manifests.vectors import OUTPUT_NAME
from linguagen.models.model_file import read_text_file
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.encoders.engine import Engine
from linguagen.runtime.encoders.loaded import LoadedModel
from linguagen.runtime.text.tokenizer import Tokenizer, pad
from linguagen.runtime.vectors import Array

CHUNK_TEXTS = 4096
"""Texts that are tokenized and sorted by length at a time, so that memory stays flat for any input."""
_BATCH_TOKENS = 2048
"""Tokens in one onnxruntime call, padding included, so that all intermediate values stay in the processor's cache."""
_BATCHES_PER_THREAD = 4
"""Smaller batches hold texts of more equal length, so less padding is computed, but every call costs time."""
_MIN_BATCH = 16
"""Texts in a batch, at least."""

Batch = list[int]
"""Numbers of the texts that are embedded in one call."""


class TextEncoder(LoadedModel):
    """Embeds texts with a model file. Threads can share one; it pickles with its model, for worker processes."""

    default_model: ClassVar[str] = DEFAULT_TEXT_MODEL

    def __init__(self, path: Path, device: str, threads: int | None) -> None:
        """Read a text model's file; `load` also finds it by name and starts onnxruntime."""
        file = read_text_file(path)
        self.manifest: TextManifest = file.manifest
        self.tokenizer = Tokenizer(file.tokenizer, str(path))
        if threads is not None and threads < 1:
            raise UsageError(f"threads is {threads}, expected 1 or more")
        self._threads = threads or usable_cores()
        ends: list[tuple[str, int | str]] = [(TOKENS_NAME, "length"), (OUTPUT_NAME, self.manifest.output_dim)]
        # Texts are small: one batch per thread is faster than several threads inside a batch.
        self._engine = Engine(file.data, str(path), ends, device, threads=1)

    def embed(self, texts: str | Sequence[str], first: int = 0) -> Array:
        """Embed texts of any length; each by itself, so batches and order change nothing.

        Args:
            texts: strings in any script, or a single one.
            first: number of the first text, for messages.

        Returns:
            (texts, output_dim) float32, each row of length 1.

        Raises:
            TextError: a text is empty, or is not a string; the message has its number.
        """
        listed = [texts] if isinstance(texts, str) else texts
        embeddings = np.empty((len(listed), self.manifest.output_dim), dtype=np.float32)
        for place in range(0, len(listed), CHUNK_TEXTS):
            chunk = listed[place : place + CHUNK_TEXTS]
            threads = self._threads if len(chunk) > _MIN_BATCH else 1
            tokens = self.tokenizer.tokenize(chunk, first + place, threads)
            self._embed_tokens(tokens, embeddings[place : place + len(tokens)])
        return embeddings

    def _embed_tokens(self, tokens: list[list[int]], embeddings: Array) -> None:
        """Write the embeddings of token lists into `embeddings` (texts, output_dim), batches on several threads."""

        def run(batch: Batch) -> None:
            """Embed one batch."""
            embeddings[batch] = self._engine.run(pad([tokens[number] for number in batch]))

        size = max(_MIN_BATCH, -(-len(tokens) // (_BATCHES_PER_THREAD * self._threads)))
        batches = list(batches_by_length(list(map(len, tokens)), size))
        if len(batches) == 1 or self._threads == 1:
            for batch in batches:
                run(batch)
            return
        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(run, batches))


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
