"""What a run reads and never changes: the split, the statistics, the closed-form start, the held-out rows."""

from dataclasses import dataclass

import numpy as np

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.models.model_file import load_manifest
from linguagen.runtime.vectors import Array
from linguagen.train.run.held_out import Split
from linguagen.train.vectors.closed_form import DECODER_ROWS, gather_moments, start
from linguagen.train.vectors.config import VectorRunConfig
from linguagen.train.vectors.data import Corpus, moment_rows, pick, split_rows
from linguagen.train.vectors.fit import ClosedForm, choose_closed_form, refuse_without_spread
from linguagen.train.vectors.network import Autoencoder
from linguagen.train.vectors.validation import HeldOut

CALIBRATION_ROWS = 1024
"""Training rows that int8 ranges are set on."""
_SEARCHED_ROWS = 10_000
"""Training rows that held-out queries are looked up in."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What `prepare` finds."""

    corpus: Corpus
    split: Split
    statistics: TeacherStatistics
    """Those of the training rows."""
    calibration: Array  # (rows, width), unit length
    held_out: HeldOut
    closed_form: ClosedForm | None
    """The start that held-out queries chose; None if the run does not fit one corpus."""


def prepare(
    config: VectorRunConfig, corpus: Corpus, model: Autoencoder, prior: TeacherStatistics | None = None
) -> Prepared:
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
    split = split_rows(corpus, config.held_out, config.seed, by_origin=not fitting)
    used = moment_rows(split.training, config.seed)
    mean, moment = gather_moments(corpus.chunks(used), corpus.width)
    statistics = TeacherStatistics.from_moments(mean, moment, dim)
    refuse_without_spread(statistics, len(split.training))
    generator = np.random.default_rng(config.seed)
    rows = corpus.rows(pick(generator, split.training, DECODER_ROWS))
    calibration = corpus.rows(pick(generator, split.training, CALIBRATION_ROWS))
    searched = corpus.rows(pick(generator, split.training, _SEARCHED_ROWS)) if fitting else None
    held_out = HeldOut(corpus.rows(split.held_out), searched, statistics, dim)
    form = None
    if fitting:
        form = choose_closed_form(statistics, moment, prior, dim, held_out.watcher.fidelity)
        start(model, form.statistics, rows, form.softening)
    else:
        start(model, statistics, rows, config.encoder.softening)
    return Prepared(corpus, split, statistics, calibration, held_out, form)
