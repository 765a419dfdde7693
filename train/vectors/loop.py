"""The training loop."""

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.runtime.measure.fidelity import Measured
from linguagen.runtime.writing.whole_file import replace_file
from linguagen.train.run.folder import RunFolder, Stopwatch
from linguagen.train.run.processes import Processes
from linguagen.train.run.state import State
from linguagen.train.run.tracking import Tracker
from linguagen.train.vectors.config import EncoderConfig, RunConfig
from linguagen.train.vectors.data import open_corpus
from linguagen.train.vectors.members import start_from_members
from linguagen.train.vectors.network import Autoencoder, VectorNetwork
from linguagen.train.vectors.objectives import Objective
from linguagen.train.vectors.prepare import Prepared, draw_batch, prepare
from linguagen.train.vectors.validation import CLOSED_FORM, Validator, verdict

_TIMED_STEPS = 5
_STEPS_SHARE = 0.8
"""Of the seconds left, for steps; validations and the final table take the rest."""


@dataclass(frozen=True, eq=False)
class RunResult:
    """How a run ended."""

    model: Measured
    controls: tuple[Measured, ...]
    verdict: str


def train(
    config: RunConfig,
    folder: RunFolder,
    processes: Processes,
    objective: nn.Module | None = None,
    make_encoder: Callable[[int, EncoderConfig], VectorNetwork] = VectorNetwork,
    prior: TeacherStatistics | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> RunResult | None:
    """Train an encoder, or go on from the folder's last checkpoint.

    Args:
        config: the run's settings.
        folder: where it writes; a checkpoint found there is gone on from.
        processes: this process among its fellows.
        objective: maps (x, z, reconstruction) to named loss terms; by default the configuration's.
        make_encoder: from the vectors' width and the configuration; another architecture, for experiments.
        prior: start a fit from these statistics rather than from those of the model that the configuration names.
        advance: told the number of steps just finished.

    Returns:
        The result in the leading process, None in the others.

    Raises:
        VectorError: an input cannot be used.
        TrainingError: too few, too narrow or all the same vectors, or the loss is no longer finite.
    """
    stopwatch = Stopwatch()
    torch.manual_seed(config.seed)
    copies = folder.path / ("inputs" if processes.leader else f"inputs-{processes.rank}")  # no two write one file
    corpus = open_corpus(config.inputs, copies, config.column or None)
    model = Autoencoder(make_encoder(corpus.width, config.encoder))
    prepared = prepare(config, corpus, model, prior)
    if processes.leader:
        folder.write_arrays(prepared.statistics, prepared.calibration, prepared.validation)
    objective = (objective or Objective(config.objective)).to(processes.device)
    if config.optimiser.members:
        start_from_members(config, model, prepared, folder, processes, advance)
    run = _Run(folder, processes, prepared, _wrap(model, processes))
    config = _bounded(run, config, State.start(config, model, objective, stopwatch))
    state = State.start(config, model, objective, stopwatch)
    watcher = judge = None
    if processes.leader:  # while the model still is the closed form
        watcher, judge = prepared.watcher(config.encoder.dim), _judge(config, prepared, model)
        if prepared.closed_form:
            state.best.offer(watcher.measure(model).row.recall, 0, model)
    _steps(run, config, state, watcher, advance)
    if judge is None:
        processes.barrier()
        return None
    if prepared.closed_form:
        model.load_state_dict(state.best.weights)
        state.save(folder, config.optimiser.steps)
    processes.barrier()
    return _finish(run, state, judge)


@dataclass(frozen=True, eq=False)
class _Run:
    """What the steps of a run have in common."""

    folder: RunFolder
    processes: Processes
    prepared: Prepared
    wrapped: nn.Module
    """The model, wrapped where several processes share it."""


def _wrap(model: Autoencoder, processes: Processes) -> nn.Module:
    model.to(processes.device)
    return DistributedDataParallel(model, find_unused_parameters=True) if processes.count > 1 else model


def _steps(
    run: _Run, config: RunConfig, state: State, watcher: Validator | None, advance: Callable[[int], None]
) -> None:
    """The steps, from the last checkpoint on; in a fit they end early where held-out queries stop gaining."""
    done = state.restore(run.folder)
    advance(done)
    tracker = Tracker(run.folder.path / "tensorboard", watcher.controls, done) if watcher else None
    with tracker or nullcontext():
        for step in range(done, config.optimiser.steps):
            rate = float(state.schedule.get_last_lr()[0])
            terms = state.step(run.wrapped, _batch(run, config, step), step)
            advance(1)
            if (step + 1) % config.evaluate_every and step + 1 != config.optimiser.steps:
                continue
            if tracker and watcher:
                measured = watcher.measure(state.model)
                tracker.step(step + 1, terms, rate, measured)
                if run.prepared.closed_form:
                    state.best.offer(measured.row.recall, step + 1, state.model)
                state.save(run.folder, step + 1)
            if run.processes.agree(lambda: state.best.exhausted):
                advance(config.optimiser.steps - step - 1)
                return


def _bounded(run: _Run, config: RunConfig, state: State) -> RunConfig:
    """The configuration with as many steps as fit into its seconds, timed here and written down for a resume."""
    if not config.seconds or run.folder.checkpoint.is_file():
        return config
    start = time.monotonic()
    for step in range(_TIMED_STEPS):
        state.losses(run.wrapped, _batch(run, config, step), step)
    state.optimiser.zero_grad()
    each = (time.monotonic() - start) / _TIMED_STEPS
    left = config.seconds - state.stopwatch.seconds
    steps = run.processes.agree(lambda: min(config.optimiser.steps, max(1, int(_STEPS_SHARE * left / each))))
    bounded = replace(config, seconds=0.0, optimiser=replace(config.optimiser, steps=steps))
    if run.processes.leader:
        run.folder.write_config(bounded)
    return bounded


def _batch(run: _Run, config: RunConfig, step: int) -> Tensor:
    """The batch of a step depends on seed, step and process alone."""
    seed = (config.seed, step, run.processes.rank)
    prepared = run.prepared
    return draw_batch(prepared.corpus, prepared.split.training, config.optimiser, seed, run.processes.device)


def _judge(config: RunConfig, prepared: Prepared, model: Autoencoder) -> Validator:
    """The final table's controls; in a fit with the closed form, which the model still is, among them."""
    judge = prepared.judge(config.encoder.dim)
    if prepared.closed_form is None:
        return judge
    measured = judge.measure(model)
    named = Measured(replace(measured.row, method=CLOSED_FORM), measured.recall_per_vector)
    return replace(judge, controls=(named, *judge.controls))


def _finish(run: _Run, state: State, judge: Validator) -> RunResult:
    measured = judge.measure(state.model)
    words = verdict(measured, judge.controls)
    form, split = run.prepared.closed_form, run.prepared.split
    if form and state.best.step == 0:
        words += " Training did not help on held-out queries: the closed form is what is kept."
    summary = {
        "fidelity": [asdict(item.row) for item in (measured, *judge.controls)],
        "verdict": words,
        "training_rows": len(split.training),
        "validation_rows": len(judge.fidelity.vectors),
        "validation_by_source": split.by_source,
        "closed_form": {"teacher_share": form.share, "softening": form.softening} if form else None,
        "best_step": state.best.step if form else None,
        "processes": run.processes.count,
        "device": run.processes.device.type,
        "seconds": round(state.stopwatch.seconds, 1),
    }
    replace_file(run.folder.finished, lambda file: file.write(json.dumps(summary, indent=2).encode()))
    return RunResult(measured, judge.controls, words)
