"""Fit one corpus: choose a recipe on held-out queries, measure it on others, then follow it on all rows.

A fifth of the rows are queries that choose nothing and that the measured maps never see. The recipe is chosen inside
the rest (`choice.py`). For the table it is followed twice more: on all of the rest, and on three quarters of
it, so that queries find documents there that came later than the fit.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from linguagen.models.errors import TrainingError, UsageError
from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.runtime.measure.controls import PCA, TRUNCATION, project
from linguagen.runtime.measure.fidelity import FidelitySet, Measured
from linguagen.runtime.vectors import Array, Indices
from linguagen.train.network.linear import least_squares
from linguagen.train.run import checkpoint
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.held_out import Split
from linguagen.train.run.loop import Advance, no_progress
from linguagen.train.run.processes import Processes
from linguagen.train.run.state import Stopwatch
from linguagen.train.vectors.choice import SEARCHED_ROWS, choose_recipe, split_documents
from linguagen.train.vectors.closed_form import DECODER_ROWS, gather_moments, refuse_without_spread, set_linear
from linguagen.train.vectors.config import VectorRunConfig
from linguagen.train.vectors.data import moment_rows, open_corpus, pick, split_rows
from linguagen.train.vectors.finished import write_arrays
from linguagen.train.vectors.model_file import Start, read_start
from linguagen.train.vectors.network import Autoencoder, VectorNetwork
from linguagen.train.vectors.prepare import CALIBRATION_ROWS
from linguagen.train.vectors.recipe import KEEP, Fitter, Recipe
from linguagen.train.vectors.validation import LATER, MODEL, START, RunResult, fit_verdict


@dataclass(frozen=True, eq=False)
class _Table:
    """The methods on queries that chose nothing: encoder, PCA, starting model and truncation."""

    fitted: tuple[Measured, ...]
    later: tuple[Measured, ...]
    """The same methods, fitted before a quarter of the documents came."""


def fit_corpus(
    config: VectorRunConfig,
    folder: RunFolder,
    processes: Processes,
    advance: Advance = no_progress,
    start: Start | None = None,
) -> RunResult:
    """Fit a linear map to one corpus, from its file to the finished run; an interrupted fit starts again.

    Args:
        config: the run's settings, made by `VectorRunConfig.for_fit`.
        folder: where it writes.
        processes: this process; it must be alone.
        advance: told each part that is finished.
        start: what is known of the teacher; by default read from the model that the settings name.

    Raises:
        UsageError: several processes, or the starting model has fewer dimensions.
        UnknownModelError, ModelFileError: the model to start from cannot be read.
        VectorError: an input cannot be used.
        TrainingError: too few or all the same vectors, or of another width than the starting model takes.
    """
    if processes.count > 1:
        raise UsageError(f"{processes.count} processes were started, but a fit takes one; leave torchrun out")
    stopwatch = Stopwatch()
    corpus = open_corpus(config.inputs, folder.path / "inputs", config.column or None)
    fitter = Fitter(corpus, start or read_start(config.init, config.encoder.dim), config.seed, processes.device)
    _check_width(fitter)
    split = split_rows(corpus, config.held_out, config.seed, by_origin=False)
    every = np.arange(len(corpus))
    moments = gather_moments(corpus.chunks(moment_rows(every, config.seed)), corpus.width)
    statistics = TeacherStatistics.from_moments(*moments, config.encoder.dim)
    refuse_without_spread(statistics, len(every))
    before, _ = split_documents(split.training, np.random.default_rng(config.seed))
    recipe, _ = choose_recipe(fitter, split.training, config.training_steps, advance, config.fixed)
    table = _judge(fitter, recipe, split, before)
    advance(1)
    _write(config, folder, fitter, fitter.fit(recipe, every), statistics, split)
    advance(1)
    result = RunResult(table.fitted[0], (*table.fitted[1:], *table.later), _words(recipe, table, len(every)))
    folder.write_finished(_summary(result, recipe, len(every), processes, stopwatch))
    return result


def _check_width(fitter: Fitter) -> None:
    """Refuse a corpus of another width than the starting model takes.

    Raises:
        TrainingError: it is.
    """
    if fitter.corpus.width != fitter.start.width:
        raise TrainingError(
            f"the corpus has vectors of width {fitter.corpus.width}, the model to start from takes width "
            f"{fitter.start.width}; choose the model of the teacher that made these vectors"
        )


def _judge(fitter: Fitter, recipe: Recipe, split: Split, before: Indices) -> _Table:
    """Measure the recipe and its controls on the held-out queries.

    Args:
        fitter: follows the recipe.
        recipe: the one that was chosen.
        split: the queries are what it holds out, the documents what it trains on.
        before: numbers of the documents (count,) that are there before others come.
    """
    searched = pick(np.random.default_rng(fitter.seed), split.training, SEARCHED_ROWS)
    documents = fitter.corpus.rows(searched)
    queries = FidelitySet(fitter.corpus.rows(split.held_out), corpus=documents)
    fixed = {START: fitter.start.projection, TRUNCATION: np.eye(fitter.start.width, fitter.start.dim, dtype=np.float32)}
    tables = []
    for numbers in (split.training, before):
        blends = fitter.blends(numbers)
        own = {MODEL: fitter.fit(recipe, numbers, blends), PCA: blends.projection(0.0)}
        tables.append(tuple(_measure(queries, documents, name, each) for name, each in {**own, **fixed}.items()))
    return _Table(tables[0], tuple(_named_later(each) for each in tables[1]))


def _measure(queries: FidelitySet, documents: Array, name: str, projection: Array) -> Measured:
    """Measure a map (width, dim) on queries among documents (others, width)."""
    found, searched = project(queries.vectors, projection), project(documents, projection)
    back = least_squares(searched[:DECODER_ROWS], documents[:DECODER_ROWS])  # (dim, width)
    return queries.measure_reconstructed(name, found, found @ back, searched)


def _named_later(measured: Measured) -> Measured:
    """A method's figures, its name saying that documents come later."""
    return replace(measured, row=replace(measured.row, method=measured.row.method + LATER))


def _words(recipe: Recipe, table: _Table, rows: int) -> str:
    """The verdict: what the table says, and what the weights are."""
    compared = fit_verdict(table.fitted[:3], table.later[:3])
    compared = f"{compared} Intervals are 95 %, over {len(table.fitted[0].recall_per_vector)} queries that no fit saw."
    if recipe == KEEP:
        return (
            "The model you started from keeps more of documents that come later than any fit of these vectors: "
            f"use it as it is. {compared}"
        )
    return (
        f"{compared} The table measures fits without the queries; the weights that are kept are fitted to all {rows} "
        f"vectors, queries too ({recipe})."
    )


def _write(
    config: VectorRunConfig,
    folder: RunFolder,
    fitter: Fitter,
    projection: Array,
    statistics: TeacherStatistics,
    split: Split,
) -> None:
    """Write the map (width, dim) with its decoder, the statistics, and rows for the exporter.

    The rows that the export gate measures on are fitted ones: it compares the file with its own network.
    """
    corpus, generator = fitter.corpus, np.random.default_rng(config.seed)
    every = np.arange(len(corpus))
    model = Autoencoder(VectorNetwork(corpus.width, config.encoder))
    set_linear(model, projection, corpus.rows(pick(generator, every, DECODER_ROWS)))
    calibration = corpus.rows(pick(generator, every, CALIBRATION_ROWS))
    write_arrays(folder, statistics, calibration, corpus.rows(split.held_out))
    checkpoint.save(folder, {"model": model}, config.training_steps)


def _summary(
    result: RunResult, recipe: Recipe, rows: int, processes: Processes, stopwatch: Stopwatch
) -> dict[str, object]:
    """What finished.json says."""
    measured: Sequence[Measured] = (result.model, *result.controls)
    return {
        "fidelity": [asdict(item.row) for item in measured],
        "verdict": result.verdict,
        "training_rows": rows,
        "validation_rows": len(result.model.recall_per_vector),
        "validation_by_origin": False,
        "recipe": {**asdict(recipe), "kept": recipe == KEEP},
        "processes": processes.count,
        "device": processes.device.type,
        "seconds": round(stopwatch.seconds, 1),
    }
