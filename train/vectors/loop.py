"""A training run on vectors, from its settings to the finished folder."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from linguagen.runtime.measure.fidelity import Measured
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.loop import Advance, Losses, no_progress, run_steps, steps_within
from linguagen.train.run.processes import Processes
from linguagen.train.run.state import State, Stopwatch
from linguagen.train.run.watch import Validation, Watch
from linguagen.train.vectors.config import EncoderConfig, VectorRunConfig
from linguagen.train.vectors.data import open_corpus
from linguagen.train.vectors.finished import write_arrays
from linguagen.train.vectors.members import start_from_members
from linguagen.train.vectors.network import Autoencoder, VectorNetwork
from linguagen.train.vectors.objectives import Objective
from linguagen.train.vectors.prepare import Prepared, prepare
from linguagen.train.vectors.step import batch_losses, start_state
from linguagen.train.vectors.validation import RunResult, verdict


def train(
    config: VectorRunConfig,
    folder: RunFolder,
    processes: Processes,
    objective: nn.Module | None = None,
    make_network: Callable[[int, EncoderConfig], VectorNetwork] = VectorNetwork,
    advance: Advance = no_progress,
    began: float | None = None,
) -> RunResult | None:
    """Train an encoder of vectors, or resume from the folder's last checkpoint.

    Args:
        config: the run's settings.
        folder: where it writes; training resumes from a checkpoint found there.
        processes: this process among those that train together.
        objective: maps (x, z, reconstruction) to named loss terms; by default the configuration's.
        make_network: makes another architecture, for experiments, from the vectors' width and the configuration.
        advance: told the number of steps just finished.
        began: when the command began, on the monotonic clock, for the seconds that it may take; by default now.

    Returns:
        The result in the leading process, None in the others.

    Raises:
        VectorError: an input cannot be used.
        TrainingError: too few, too narrow or all the same vectors, or the loss is no longer finite.
    """
    stopwatch = Stopwatch(began)
    torch.manual_seed(config.seed)
    copies = folder.path / ("inputs" if processes.leader else f"inputs-{processes.rank}")  # no two write one file
    corpus = open_corpus(config.inputs, copies, config.column or None)
    model = Autoencoder(make_network(corpus.width, config.encoder))
    prepared = prepare(config, corpus, model)
    if processes.leader:
        write_arrays(folder, prepared.statistics, prepared.calibration, prepared.held_out.rows)
    objective = (objective or Objective(config.objective)).to(processes.device)
    if config.optimiser.members:
        start_from_members(config, model, prepared, folder, processes, advance)
    losses = _losses(config, prepared, model, objective, processes)
    if config.seconds and not config.timed_steps:
        fitting = _fitting_steps(config, config.seconds - stopwatch.seconds, prepared, losses, [model, objective])
        config = _timed(config, folder, processes, fitting)
    state = start_state(config.optimiser, model, objective, config.training_steps, stopwatch)
    _take_steps(config, folder, processes, prepared, state, losses, advance)
    processes.barrier()
    return _finish(folder, processes, prepared, state) if processes.leader else None


def _losses(
    config: VectorRunConfig, prepared: Prepared, model: Autoencoder, objective: nn.Module, processes: Processes
) -> Losses:
    """The loss terms of each step; its batch depends on seed, step and process alone."""
    device, rows = processes.device, prepared.split.training
    model.to(device)
    shared = DistributedDataParallel(model, find_unused_parameters=True) if processes.count > 1 else model
    seed = partial(_batch_seed, config.seed, processes.rank)
    return batch_losses(shared, objective, prepared.corpus, rows, config.optimiser, seed, device)


def _batch_seed(seed: int, rank: int, step: int) -> tuple[int, int, int]:
    """The seed of a step's batch in one process."""
    return seed, step, rank


def _fitting_steps(
    config: VectorRunConfig, seconds: float, prepared: Prepared, losses: Losses, modules: Sequence[nn.Module]
) -> int:
    """How many steps fit into the seconds left, next to validations and the final table; the model is the first."""
    held_out, model = prepared.held_out, modules[0]
    checks = (lambda: held_out.watcher.measure(model), lambda: held_out.judge().measure(model))
    return steps_within(seconds, losses, modules, config.evaluate_every, *checks)


def _timed(config: VectorRunConfig, folder: RunFolder, processes: Processes, fitting: int) -> VectorRunConfig:
    """The settings with the number of steps that fit into their seconds, written down for a resumed run."""
    steps = processes.agree(lambda: min(config.optimiser.steps, fitting))
    timed = replace(config, timed_steps=steps)
    if processes.leader:
        folder.write_config(timed)
    return timed


def _take_steps(
    config: VectorRunConfig,
    folder: RunFolder,
    processes: Processes,
    prepared: Prepared,
    state: State,
    losses: Losses,
    advance: Advance,
) -> None:
    """The steps after the last checkpoint."""

    def measure() -> Validation[Measured]:
        """Validate the state on the rows watched while training."""
        return prepared.held_out.watcher.validate(state.model)

    state.restore(folder)
    with Watch(folder, state, measure) if processes.leader else nullcontext() as watch:
        run_steps(state, losses, config.training_steps, config.evaluate_every, watch, advance)


def _finish(folder: RunFolder, processes: Processes, prepared: Prepared, state: State) -> RunResult:
    """Measure the final weights, and write the result down."""
    judge = prepared.held_out.judge()
    measured = judge.measure(state.model)
    words = verdict(measured, judge.controls)
    summary = {
        "fidelity": [asdict(item.row) for item in (measured, *judge.controls)],
        "verdict": words,
        "training_rows": len(prepared.split.training),
        "validation_rows": len(judge.fidelity.vectors),
        "validation_by_origin": prepared.split.by_origin,
        "processes": processes.count,
        "device": processes.device.type,
        "seconds": round(state.stopwatch.seconds, 1),
    }
    folder.write_finished(summary)
    return RunResult(measured, judge.controls, words)
