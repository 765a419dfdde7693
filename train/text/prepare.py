"""What a run on text reads: tokens, pairs, target vectors, and which texts are held out."""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from linguagen.models.errors import TrainingError
from linguagen.runtime.reading.maker import read_maker
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.text.lines import read_scored
from linguagen.runtime.text.tokenizer import Tokenizer
from linguagen.runtime.vectors import unit_rows
from linguagen.runtime.writing.whole_file import replace_file
from linguagen.train.network.linear import main_axes
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.held_out import Split, split_at_random
from linguagen.train.text.config import TextRunConfig
from linguagen.train.text.data import Rows, Texts, TokenLists, batch_rows, read_pairs, read_texts
from linguagen.train.text.misspell import misspell
from linguagen.train.text.objectives import TextBatch
from linguagen.train.text.tokenizer import train_tokenizer

_CHUNK = 4096
"""Texts that are tokenized, and target vectors that are read, at a time."""
_MOST_HELD_OUT = 1000
"""The most texts, and the most pairs, that are held out."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Pairs that people gave a score."""

    first: TokenLists
    second: TokenLists
    scores: list[float]


@dataclass(frozen=True, eq=False)
class TextData:
    """The texts of a run and what is known about them, as token lists."""

    tokenizer: Tokenizer
    texts: list[str]
    tokens: TokenLists
    """Tokens of every text; then, if training misspells, of every text again with a word misspelt."""
    targets: Tensor | None
    """Target vectors (texts, dim), float16, of unit length; None without --targets."""
    pairs: tuple[TokenLists, TokenLists] | None
    scored: Scored | None
    split: Split
    """Which texts are held out."""
    pair_split: Split
    """Which pairs are held out."""

    @property
    def misspells(self) -> bool:
        """True if `tokens` holds every text misspelt too."""
        return len(self.tokens) > len(self.texts)

    def batch(self, config: TextRunConfig, step: int) -> TextBatch:
        """What a step, counted from 0, learns from; seed and step alone decide."""
        rows = batch_rows(self.split.training, self.tokens.lengths, config.batch, (config.seed,), step)
        targets = None if self.targets is None else self.targets[torch.from_numpy(rows)].float()
        pairs = None
        if self.pairs is not None:
            first, second = self.pairs
            lengths = first.lengths + second.lengths
            chosen = batch_rows(self.pair_split.training, lengths, config.batch, (config.seed, 1), step)
            pairs = first.batch(chosen), second.batch(chosen)
        return TextBatch(self.tokens.batch(self._misspelt(rows, config, step)), targets, pairs)

    def _misspelt(self, rows: Rows, config: TextRunConfig, step: int) -> Rows:
        """Text numbers (batch,), some replaced by those of the same texts misspelt."""
        generator = np.random.default_rng([config.seed, 3, step])
        return rows + len(self.texts) * (generator.random(len(rows)) < config.misspelt)


def prepare_text(config: TextRunConfig, folder: RunFolder, tokenizer: Tokenizer | None = None) -> TextData:
    """Read, tokenize, and set aside what is held out.

    Args:
        config: the run's settings.
        folder: its tokenizer is kept there, and used again when the run is resumed.
        tokenizer: that of the model to start from; by default one is trained on the texts.

    Raises:
        TextError: texts that cannot be used.
        TrainingError: fewer vectors than texts, or narrower than an embedding.
        VectorError: the file of target vectors cannot be read.
    """
    corpus = read_texts(config.inputs)
    tokenizer = tokenizer or _tokenizer(folder, corpus, config)
    if not folder.tokenizer.is_file():
        replace_file(folder.tokenizer, lambda file: file.write(tokenizer.model))
    pairs = None
    if config.pairs:
        first, second = zip(*read_pairs(config.pairs), strict=True)
        pairs = _tokenized(tokenizer, first, config.longest), _tokenized(tokenizer, second, config.longest)
    texts = corpus.texts
    if config.misspelt and not config.collection:
        generator = random.Random(config.seed)
        texts = texts + [misspell(text, generator) for text in texts]
    return TextData(
        tokenizer,
        corpus.texts,
        _tokenized(tokenizer, texts, config.longest),
        _targets(config, corpus) if config.targets else None,
        pairs,
        _scored(config, tokenizer) if config.scored else None,
        _split(len(corpus.texts), config),
        _split(len(pairs[0]) if pairs else 0, config),
    )


def _tokenizer(folder: RunFolder, corpus: Texts, config: TextRunConfig) -> Tokenizer:
    """The run's tokenizer, from its folder if it has one, else trained on the corpus."""
    kept = folder.tokenizer
    if kept.is_file():
        return Tokenizer(kept.read_bytes(), str(kept))
    return Tokenizer(train_tokenizer(corpus.texts, config.pieces, config.seed), str(kept))


def _tokenized(tokenizer: Tokenizer, texts: Sequence[str], longest: int) -> TokenLists:
    """The first `longest` tokens of each text."""
    lists: list[list[int]] = []
    for start in range(0, len(texts), _CHUNK):
        lists += tokenizer.tokenize(texts[start : start + _CHUNK], start)
    return TokenLists(lists, longest)


def _scored(config: TextRunConfig, tokenizer: Tokenizer) -> Scored:
    """The pairs of `--scored`."""
    first, second, scores = read_scored(config.scored)
    return Scored(_tokenized(tokenizer, first, config.longest), _tokenized(tokenizer, second, config.longest), scores)


def _split(count: int, config: TextRunConfig) -> Split:
    """Which of `count` texts or pairs are held out."""
    held_out = min(_MOST_HELD_OUT, round(config.held_out * count))
    return split_at_random(count, held_out, np.random.default_rng([config.seed, 2]))


def teacher_space(config: TextRunConfig) -> dict[str, Any]:
    """What a finished run says about a teacher's space that its embeddings were taught to lie in.

    Returns:
        `teacher_space`: the name of the file of target vectors and, if it says so, the model that made it; nothing if
        there are no target vectors, or if they are wider than embeddings and were rotated.
    """
    if not config.targets or open_vectors(config.targets).width != config.encoder.dim:
        return {}
    path = Path(config.targets)
    maker = read_maker(path)
    return {"teacher_space": {"targets": path.name, **(asdict(maker) if maker else {})}}


def _targets(config: TextRunConfig, corpus: Texts) -> Tensor:
    """Target vectors (texts, dim) in the width of an embedding: as they are, or along their main axes."""
    source = open_vectors(config.targets, None, None)
    rows = np.concatenate([unit_rows(rows, start, config.targets)[0] for start, rows in source.chunks(_CHUNK)])
    if max(corpus.rows) >= len(rows):
        raise TrainingError(
            f"{config.targets} has {len(rows)} vectors, but the texts ask for row {max(corpus.rows)}; "
            "give one vector for each text, in the same order"
        )
    chosen, dim = rows[corpus.rows], config.encoder.dim
    if chosen.shape[1] < dim:
        raise TrainingError(
            f"{config.targets} has vectors of width {chosen.shape[1]}, embeddings have --dim {dim}; "
            f"give --dim {chosen.shape[1]} or less"
        )
    targets = torch.from_numpy(chosen) @ main_axes(chosen, dim)  # (texts, dim)
    return torch.nn.functional.normalize(targets, dim=1).half()
