"""What the steps of a run on text read: tokens, pairs, the teacher's vectors, and what is held out."""

import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from linguagen.models.errors import TrainingError
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.text.lines import read_scored
from linguagen.runtime.text.tokenizer import Tokenizer
from linguagen.runtime.vectors import Array, unit_rows
from linguagen.runtime.writing.whole_file import replace_file
from linguagen.train.run.folder import RunFolder
from linguagen.train.text.config import TextRunConfig
from linguagen.train.text.data import Rows, Texts, TokenLists, batch_rows, read_pairs, read_texts
from linguagen.train.text.misspell import misspell
from linguagen.train.text.objectives import TextBatch
from linguagen.train.text.tokenizer import train_tokenizer

_CHUNK = 4096
_MOST_HELD_OUT = 1000


@dataclass(frozen=True, eq=False)
class Scored:
    """Pairs that people gave a score."""

    first: TokenLists
    second: TokenLists
    scores: list[float]


@dataclass(frozen=True, eq=False)
class TextData:
    """Everything in token lists."""

    tokenizer: Tokenizer
    texts: list[str]
    tokens: TokenLists
    """Of every text, and after them, where training misspells, of every text again with a word misspelt."""
    targets: Tensor | None
    """The teacher's vectors (texts, dim), float16, of unit length."""
    pairs: tuple[TokenLists, TokenLists] | None
    scored: Scored | None
    held_out: Rows
    """Texts that training does not read."""
    training: Rows
    held_out_pairs: Rows
    training_pairs: Rows

    @property
    def misspells(self) -> bool:
        """True where `tokens` holds every text misspelt too."""
        return len(self.tokens) > len(self.texts)

    def batch(self, config: TextRunConfig, step: int) -> TextBatch:
        """What a step learns from, given by seed and step alone."""
        rows = batch_rows(self.training, self.tokens.lengths, config.batch, (config.seed,), step)
        targets = None if self.targets is None else self.targets[torch.from_numpy(rows)].float()
        pairs = None
        if self.pairs is not None:
            first, second = self.pairs
            lengths = first.lengths + second.lengths
            chosen = batch_rows(self.training_pairs, lengths, config.batch, (config.seed, 1), step)
            pairs = first.batch(chosen), second.batch(chosen)
        return TextBatch(self.tokens.batch(self._misspelt(rows, config, step)), targets, pairs)

    def _misspelt(self, rows: Rows, config: TextRunConfig, step: int) -> Rows:
        """Some of the rows replaced by those of the same texts misspelt."""
        generator = np.random.default_rng([config.seed, 3, step])
        return rows + len(self.texts) * (generator.random(len(rows)) < config.misspelt)


def prepare_text(config: TextRunConfig, folder: RunFolder, tokenizer: Tokenizer | None = None) -> TextData:
    """Read, cut into tokens, and set aside what is held out.

    Args:
        config: the run's settings.
        folder: its tokenizer is kept there, and used again when the run is resumed.
        tokenizer: of the run to start from; by default one is trained on the texts.

    Raises:
        TextError: texts that cannot be used.
        TrainingError: fewer vectors than texts, or narrower than an embedding.
        VectorError: the teacher's file cannot be read.
    """
    corpus = read_texts(config.text)
    tokenizer = tokenizer or _tokenizer(folder, corpus, config)
    keep = folder.path / "tokenizer.model"
    if not keep.is_file():
        replace_file(keep, lambda file: file.write(tokenizer.model))
    targets = _targets(config, corpus) if config.teacher else None
    pairs = None
    if config.pairs:
        sides = zip(*read_pairs(config.pairs), strict=True)
        first, second = (_cut(tokenizer, list(side), config.longest) for side in sides)
        pairs = first, second
    scored = None
    if config.scored:
        one, other, scores = read_scored(config.scored)
        scored = Scored(_cut(tokenizer, one, config.longest), _cut(tokenizer, other, config.longest), scores)
    held_out, training = _split(len(corpus.texts), config)
    held_out_pairs, training_pairs = _split(len(pairs[0]) if pairs else 0, config)
    texts = corpus.texts
    if config.misspelt and not config.collection:
        generator = random.Random(config.seed)
        texts = texts + [misspell(text, generator) for text in texts]
    tokens = _cut(tokenizer, texts, config.longest)
    return TextData(
        tokenizer,
        corpus.texts,
        tokens,
        targets,
        pairs,
        scored,
        held_out,
        training,
        held_out_pairs,
        training_pairs,
    )


def _tokenizer(folder: RunFolder, corpus: Texts, config: TextRunConfig) -> Tokenizer:
    kept = folder.path / "tokenizer.model"
    if kept.is_file():
        return Tokenizer(kept.read_bytes(), str(kept))
    return Tokenizer(train_tokenizer(corpus.texts, config.pieces, config.seed), str(kept))


def _cut(tokenizer: Tokenizer, texts: list[str], longest: int) -> TokenLists:
    lists: list[list[int]] = []
    for start in range(0, len(texts), _CHUNK):
        lists += tokenizer.tokenize(texts[start : start + _CHUNK], start)
    return TokenLists(lists, longest)


def _split(count: int, config: TextRunConfig) -> tuple[Rows, Rows]:
    """Numbers held out, and the others."""
    order = np.random.default_rng([config.seed, 2]).permutation(count)
    held_out = min(_MOST_HELD_OUT, round(config.held_out * count))
    return np.sort(order[:held_out]), np.sort(order[held_out:])


def _targets(config: TextRunConfig, corpus: Texts) -> Tensor:
    """The teacher's vectors in as many dimensions as an embedding has: as they are, or along their main axes."""
    source = open_vectors(config.teacher, None, None)
    rows = np.concatenate([unit_rows(rows, start, config.teacher)[0] for start, rows in source.chunks(_CHUNK)])
    if max(corpus.rows) >= len(rows):
        raise TrainingError(
            f"{config.teacher} has {len(rows)} vectors, but the texts ask for row {max(corpus.rows)}; "
            "give one vector for each text, in the same order"
        )
    chosen, dim = rows[corpus.rows], config.encoder.dim
    if chosen.shape[1] < dim:
        raise TrainingError(
            f"{config.teacher} has vectors of width {chosen.shape[1]}, embeddings have --dim {dim}; "
            f"give --dim {chosen.shape[1]} or less"
        )
    targets = torch.from_numpy(chosen) @ main_axes(chosen, dim)  # (texts, dim)
    return torch.nn.functional.normalize(targets, dim=1).half()


def main_axes(rows: Array, dim: int) -> Tensor:
    """The axes (width, dim) that keep most of the cosines between rows (rows, width): identity where none is lost."""
    width = rows.shape[1]
    if width == dim:
        return torch.eye(width)
    moment = torch.from_numpy(rows.T @ rows).double()
    axes: Tensor = torch.linalg.eigh(moment).eigenvectors[:, -dim:].flip(1).float()
    return axes
