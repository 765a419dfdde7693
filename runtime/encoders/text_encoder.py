"""The text encoder: strings in, embeddings out, with no teacher and no network."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from linguagen.models.catalogue import DEFAULT_TEXT_MODEL, find_model
from linguagen.models.errors import UsageError
from linguagen.models.manifests.text import TOKENS_NAME, TextManifest
from linguagen.models.manifests.vectors import OUTPUT_NAME
from linguagen.models.model_file import read_text_file
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.encoders.engine import Engine
from linguagen.runtime.text.tokenizer import Tokenizer, pad
from linguagen.runtime.vectors import Array

CHUNK_TEXTS = 4096
"""Texts that are cut and sorted by length at a time, so that memory stays flat whatever the input's size."""
_BATCH_TOKENS = 2048
"""Tokens in one onnxruntime call, padding counted: they and what is made of them stay in the processor's cache."""

_SHARES, _LEAST_TEXTS = 4, 16
"""Each thread gets so many batches, of so many texts at least: shorter ones are padded less, but every call costs."""

Batch = list[int]
"""Numbers of texts that are encoded together."""


class TextEncoder:
    """A text model's file, loaded. Safe to share between threads; pickles with its model, for worker processes."""

    def __init__(self, path: Path, device: str, threads: int | None) -> None:
        """Read the file and keep an engine for it; `load` starts it too."""
        file = read_text_file(path)
        self.manifest: TextManifest = file.manifest
        self.tokenizer = Tokenizer(file.tokenizer, str(path))
        if threads is not None and threads < 1:
            raise UsageError(f"threads is {threads}, expected 1 or more")
        self._threads = threads or usable_cores()
        ends: list[tuple[str, int | str]] = [(TOKENS_NAME, "length"), (OUTPUT_NAME, self.manifest.output_dim)]
        # Texts are small: whole batches side by side, one thread each, are faster than threads inside a batch.
        self._engine = Engine(file.data, str(path), ends, device, threads=1)

    @classmethod
    def load(
        cls, name_or_path: str | Path = DEFAULT_TEXT_MODEL, *, device: str = "auto", threads: int | None = None
    ) -> "TextEncoder":
        """Load a shipped text model by name, or a file that lg-export wrote from a run on text.

        Args:
            name_or_path: a name that `lg-run models` lists, or a path.
            device: `cpu`, `cuda`, or `auto` for CUDA where onnxruntime has it and CPU elsewhere.
            threads: CPU threads; None for the cores this process may use.

        Raises:
            UnknownModelError: no such name and no such file.
            ModelFileError: the file is damaged, or is no text model.
            MissingExtraError: sentencepiece is not installed.
            DeviceError: `cuda` was named and cannot be had.
        """
        encoder = cls(find_model(name_or_path), device, threads)
        encoder._engine.start()
        return encoder

    @property
    def device(self) -> str:
        """Where it runs: `cpu` or `cuda`."""
        return self._engine.device

    def embed(self, texts: str | Sequence[str], start: int = 0) -> Array:
        """Embed texts of any length; each by itself, so batches and order change nothing.

        Args:
            texts: strings in any script, or a single one.
            start: number of the first, for messages.

        Returns:
            (texts, output_dim) float32, each row of length 1.

        Raises:
            TextError: an empty text, or something that is no string, by number.
        """
        given = [texts] if isinstance(texts, str) else texts
        embeddings = np.empty((len(given), self.manifest.output_dim), dtype=np.float32)
        for first in range(0, len(given), CHUNK_TEXTS):
            chunk = given[first : first + CHUNK_TEXTS]
            threads = self._threads if len(chunk) > _LEAST_TEXTS else 1
            tokens = self.tokenizer.encode(chunk, start + first, threads)
            self._fill(tokens, embeddings[first : first + len(tokens)])
        return embeddings

    def _fill(self, tokens: list[list[int]], embeddings: Array) -> None:
        """Embed token lists into rows (texts, dim), side by side where there is more than one batch."""

        def run(batch: Batch) -> None:
            embeddings[batch] = self._engine.run(pad([tokens[number] for number in batch]))

        batches = list(cut(list(map(len, tokens)), max(_LEAST_TEXTS, -(-len(tokens) // (_SHARES * self._threads)))))
        if len(batches) == 1 or self._threads == 1:
            for batch in batches:
                run(batch)
            return
        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(run, batches))


def cut(lengths: Sequence[int], most: int) -> Iterator[Batch]:
    """Cut texts into batches of like length, so that little padding is computed.

    Args:
        lengths: of each text, in tokens.
        most: texts in a batch.
    """
    batch: Batch = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) == most or lengths[number] * (len(batch) + 1) > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch
