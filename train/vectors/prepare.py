"""What a training reads and never changes: the split, the statistics, the closed-form start, the held-out rows."""

from dataclasses import dataclass

import numpy as np

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.runtime.vectors import Array
from linguagen.train.run.held_out import Split
from linguagen.train.vectors.closed_form import DECODER_ROWS, gather_moments, refuse_without_spread, start
from linguagen.train.vectors.config import VectorRunConfig
from linguagen.train.vectors.data import Corpus, moment_rows, pick, split_rows
from linguagen.train.vectors.network import Autoencoder
from linguagen.train.vectors.validation import HeldOut

CALIBRATION_ROWS = 1024
"""Training rows that int8 ranges are set on."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What `prepare` finds."""

    corpus: Corpus
    split: Split
    statistics: TeacherStatistics
    """Those of the training rows."""
    calibration: Array  # (rows, width), unit length
    held_out: HeldOut


def prepare(config: VectorRunConfig, corpus: Corpus, model: Autoencoder) -> Prepared:
    """Split, gather statistics, and put the model at its closed-form start.

    Args:
        config: the run's settings.
        corpus: all rows.
        model: changed in place.

    Raises:
        TrainingError: too few, too narrow or all the same vectors.
    """
    split = split_rows(corpus, config.held_out, config.seed)
    mean, moment = gather_moments(corpus.chunks(moment_rows(split.training, config.seed)), corpus.width)
    statistics = TeacherStatistics.from_moments(mean, moment, config.encoder.dim)
    refuse_without_spread(statistics, len(split.training))
    generator = np.random.default_rng(config.seed)
    rows = corpus.rows(pick(generator, split.training, DECODER_ROWS))
    calibration = corpus.rows(pick(generator, split.training, CALIBRATION_ROWS))
    held_out = HeldOut(corpus.rows(split.held_out), statistics, config.encoder.dim)
    start(model, statistics, rows, config.encoder.softening)
    return Prepared(corpus, split, statistics, calibration, held_out)
