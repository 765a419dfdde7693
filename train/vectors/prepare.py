"""Everything a run reads and never changes: the split, the statistics, the closed-form start, the yardsticks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.models.model_file import load_manifest
from linguagen.runtime.vectors import Array, Indices
from linguagen.train.vectors.closed_form import gather_moments, start
from linguagen.train.vectors.config import OptimiserConfig, RunConfig
from linguagen.train.vectors.data import Corpus, Split, moment_rows, split_rows
from linguagen.train.vectors.fit import ClosedForm, choose_closed_form, refuse_without_spread
from linguagen.train.vectors.network import Autoencoder
from linguagen.train.vectors.objectives import without_subspace
from linguagen.train.vectors.validation import Validator

CALIBRATION_ROWS = 1024
DECODER_ROWS = 8192
"""Training rows that the decoder's least squares are of."""
_WATCHED_ROWS = 1500
"""Validation rows used while training; the final table uses all that were not used to choose anything."""
_SEARCHED_ROWS = 10_000
"""Corpus rows that held-out queries are looked up in."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What `prepare` finds."""

    corpus: Corpus
    split: Split
    statistics: TeacherStatistics
    """Of the training rows."""
    calibration: Array  # (rows, width), unit length
    validation: Array  # (rows, width), unit length, held out
    searched: Array | None
    """(rows, width): where held-out queries look for their neighbours; None for among themselves."""
    closed_form: ClosedForm | None
    """In a fit: the start that held-out queries chose."""

    def watcher(self, dim: int) -> Validator:
        """The rows looked at while training, which in a fit choose closed form and stopping: half of the held-out."""
        rows = self.validation if self.searched is None else self.validation[::2]
        some = rows[pick(np.random.default_rng(0), np.arange(len(rows)), _WATCHED_ROWS)]
        return Validator.prepare(some, self.statistics, dim, self.searched)

    def judge(self, dim: int) -> Validator:
        """The rows of the final table: in a fit, the half that chose nothing."""
        rows = self.validation if self.searched is None else self.validation[1::2]
        return Validator.prepare(rows, self.statistics, dim, self.searched)


def prepare(config: RunConfig, corpus: Corpus, model: Autoencoder, prior: TeacherStatistics | None = None) -> Prepared:
    """Split, gather statistics, and put the model at its closed-form start.

    Args:
        config: the run's settings.
        corpus: all rows.
        model: changed in place.
        prior: a teacher's statistics to start a fit from; by default those of the model that `config.init` names.

    Raises:
        TrainingError: too few, too narrow or all the same vectors.
        UnknownModelError, ModelFileError: the model to start from cannot be read.
    """
    dim, fitting = config.encoder.dim, bool(config.init) or prior is not None
    if config.init and prior is None:
        prior = load_manifest(config.init).statistics
    split = split_rows(corpus, config.held_out, config.seed, by_source=not fitting)
    used = moment_rows(split.training, config.seed)
    mean, moment = gather_moments(corpus.chunks(used), corpus.width)
    statistics = TeacherStatistics.from_moments(mean, moment, dim)
    refuse_without_spread(statistics, len(split.training))
    generator = np.random.default_rng(config.seed)
    rows = corpus.rows(pick(generator, split.training, DECODER_ROWS))
    calibration = corpus.rows(pick(generator, split.training, CALIBRATION_ROWS))
    validation = corpus.rows(split.validation)
    searched = corpus.rows(pick(generator, split.training, _SEARCHED_ROWS)) if fitting else None
    found = Prepared(corpus, split, statistics, calibration, validation, searched, None)
    if not fitting:
        start(model, statistics, rows, config.encoder.softening)
        return found
    form = choose_closed_form(statistics, moment, prior, dim, found.watcher(dim).fidelity)
    start(model, form.statistics, rows, form.softening)
    return Prepared(corpus, split, statistics, calibration, validation, searched, form)


def pick(generator: np.random.Generator, numbers: Indices, count: int) -> Indices:
    """`count` of the numbers without repetition, or all of them."""
    if len(numbers) <= count:
        return numbers
    return numbers[generator.choice(len(numbers), count, replace=False)]


def draw_batch(
    corpus: Corpus, numbers: Indices, config: OptimiserConfig, seed: Sequence[int], device: torch.device
) -> Tensor:
    """Some of the rows of these numbers, (batch, width), with the span of some others weakened.

    Args:
        corpus: all rows.
        numbers: those to draw from.
        config: the batch's size, and how many rows' span is weakened.
        seed: the same seed, the same batch, so that a resumed run sees the same ones.
        device: where the batch goes, and the weakening is computed.
    """
    generator = np.random.default_rng(seed)
    batch = torch.from_numpy(corpus.rows(pick(generator, numbers, config.batch))).to(device)
    removed = min(config.subspace_rows, len(batch) // 4, corpus.width // 4)
    if removed:
        others = torch.from_numpy(corpus.rows(pick(generator, numbers, removed))).to(device)
        batch = without_subspace(batch, others, strength=generator.random())
    return batch
