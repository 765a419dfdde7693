"""From a run's settings to what its loop reads: sentences as numbers, and the network to start from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from linguagen.models.errors import TextError
from linguagen.runtime.text.tokenizer import Tokenizer
from linguagen.runtime.text.word_features import WordReader
from linguagen.train.network.linear import main_axes
from linguagen.train.tagger.config import TaggerRunConfig
from linguagen.train.tagger.data import LEAST_SENTENCES, Sentence, label_set, read_labels_map, read_sentences
from linguagen.train.tagger.network import WINDOW, TaggerNetwork, word_features
from linguagen.train.tagger.objectives import NO_LABEL
from linguagen.train.text.model_file import open_start

NOTHING = "none"
_POOL_BATCHES = 8
"""Batches whose sentences are drawn at once, so that each can have sentences of similar length."""


@dataclass(frozen=True, eq=False)
class TaggerData:
    """Sentences of a run."""

    training: list[Sentence]
    held_out: list[Sentence]
    labels: tuple[str, ...]
    scheme: str
    reader: WordReader
    tokenizer: Tokenizer | None
    rows: list[Tensor]
    """Rows (words, columns) of each training sentence."""
    numbers: list[Tensor]
    """Numbers (words,) of the labels of each training sentence."""

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Words that are read of each training sentence, (sentences,)."""
        return np.array([len(each) for each in self.numbers])

    def batch(self, chosen: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Rows (batch, words, columns) and labels (batch, words) of training sentences, filled up with padding."""
        rows = pad_sequence([self.rows[number] for number in chosen], batch_first=True)
        return rows, pad_sequence([self.numbers[number] for number in chosen], True, NO_LABEL)

    def step_batch(self, config: TaggerRunConfig, step: int) -> tuple[Tensor, Tensor]:
        """The batch of a step, counted from 0; seed and step alone decide, so that a run can resume."""
        count, pool = len(self.rows), config.batch * _POOL_BATCHES
        epoch, place = divmod(step, -(-count // config.batch))
        generator = np.random.default_rng([config.seed, epoch])
        order = generator.permutation(count)
        pools = [order[start : start + pool] for start in range(0, count, pool)]
        order = np.concatenate([each[np.argsort(self.lengths[each], kind="stable")] for each in pools])
        starts = generator.permutation(range(0, count, config.batch))
        return self.batch(order[starts[place] : starts[place] + config.batch])


def prepare_tagger(config: TaggerRunConfig) -> tuple[TaggerData, TaggerNetwork]:
    """Read the sentences, and make the network as training starts from it.

    Raises:
        TextError: a file cannot be read or holds no labelled sentences, or there are too few.
        ModelFileError, UnknownModelError, RunFolderError: the text model to start from cannot be read.
    """
    training, held_out = read_parts(config)
    labels, scheme = label_set([*training, *held_out])
    start = None if config.init == NOTHING else open_start(config.init).load()
    tokenizer = start.tokenizer if start else None
    features = word_features(config.encoder, tokenizer)
    network = TaggerNetwork(features, len(labels), config.encoder)
    if start:
        rows_of_pieces = piece_rows(start.network.embedding.weight.detach(), config.encoder.width)
        network.table.pieces.data.copy_(rows_of_pieces)
    reader, place = WordReader(features, tokenizer), {label: number for number, label in enumerate(labels)}
    rows = [torch.tensor(reader.rows(each.words[:WINDOW]), dtype=torch.long) for each in training]
    numbers = [torch.tensor([place[label] for label in each.labels[:WINDOW]]) for each in training]
    return TaggerData(training, held_out, labels, scheme, reader, tokenizer, rows, numbers), network


def read_parts(config: TaggerRunConfig) -> tuple[list[Sentence], list[Sentence]]:
    """The sentences for training and those held out.

    Raises:
        TextError: a file cannot be read, or there are too few sentences.
    """
    renamed = read_labels_map(config.labels_map) if config.labels_map else {}
    training = read_sentences(config.inputs, config.column, renamed)
    if len(training) < LEAST_SENTENCES:
        raise TextError(
            f"{', '.join(config.inputs)}: {len(training)} sentences, expected {LEAST_SENTENCES} or more; "
            "an empty line ends a sentence"
        )
    if config.dev:
        return training, read_sentences([config.dev], config.column, renamed)
    order = np.random.default_rng(config.seed).permutation(len(training))
    count = max(1, round(config.held_out * len(training)))
    return [training[number] for number in order[count:]], [training[number] for number in order[:count]]


def piece_rows(table: Tensor, width: int) -> Tensor:
    """A text model's table (pieces, columns) on its main axes (pieces, width), of deviation 1; row 0 is zero."""
    width_axes = main_axes(table.numpy(), min(width, table.shape[1]))  # (columns, kept)
    kept = table @ width_axes
    rows = torch.zeros(len(table), width)
    rows[:, : kept.shape[1]] = kept / kept.std()
    rows[0] = 0
    return rows
