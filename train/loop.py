"""The training loop."""

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from linguagen.models.errors import TrainingError
from linguagen.models.statistics import TeacherStatistics
from linguagen.runtime.fidelity import Measured
from linguagen.runtime.vectors import Array, Indices
from linguagen.train.checkpoint import RunFolder, replace_file
from linguagen.train.closed_form import gather_statistics, start
from linguagen.train.config import EncoderConfig, OptimiserConfig, RunConfig
from linguagen.train.data import Corpus, Split, moment_rows, open_corpus, split_rows
from linguagen.train.model import Autoencoder, VectorEncoder
from linguagen.train.objectives import Objective, without_subspace
from linguagen.train.processes import Processes
from linguagen.train.tracking import Tracker
from linguagen.train.validation import Validator, verdict

CALIBRATION_ROWS = 1024
_DECODER_ROWS = 8192
_WATCHED_ROWS = 1500
"""Validation rows used while training; the final table uses all of them."""


@dataclass(frozen=True, eq=False)
class RunResult:
    """How a run ended."""

    model: Measured
    controls: tuple[Measured, ...]
    verdict: str


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything the loop reads and never changes."""

    corpus: Corpus
    split: Split
    statistics: TeacherStatistics
    validation: Array  # (rows, width), unit length


def train(
    config: RunConfig,
    folder: RunFolder,
    processes: Processes,
    objective: nn.Module | None = None,
    make_encoder: Callable[[int, EncoderConfig], VectorEncoder] = VectorEncoder,
    advance: Callable[[int], None] = lambda _: None,
) -> RunResult | None:
    """Train an encoder, or go on from the folder's last checkpoint.

    Args:
        config: the run's settings.
        folder: where it writes; a checkpoint found there is gone on from.
        processes: this process among its fellows.
        objective: maps (x, z, reconstruction) to named loss terms; by default the configuration's.
        make_encoder: from the vectors' width and the configuration; another architecture, for experiments.
        advance: told the number of steps just finished.

    Returns:
        The result in the leading process, None in the others.

    Raises:
        VectorError: an input cannot be used.
        TrainingError: too few or too narrow vectors, or the loss is no longer finite.
    """
    began = time.monotonic()
    torch.manual_seed(config.seed)
    corpus = open_corpus(config.inputs, folder.path / "inputs")
    model = Autoencoder(make_encoder(corpus.width, config.encoder))
    prepared = _prepare(config, corpus, model, folder, processes)
    model.to(processes.device)
    state = _State.start(config, model, (objective or Objective(config.objective)).to(processes.device))
    done = state.restore(folder)
    advance(done)
    wrapped = DistributedDataParallel(model, find_unused_parameters=True) if processes.count > 1 else model
    watcher = _watcher(config, prepared) if processes.leader else None
    tracker = Tracker(folder.path / "tensorboard", watcher.controls, done) if watcher else None
    with tracker or nullcontext():
        for step in range(done, config.optimiser.steps):
            rate = float(state.schedule.get_last_lr()[0])
            terms = state.step(wrapped, _batch(config, prepared, step, processes), step)
            if tracker and watcher and _is_due(step + 1, config):
                tracker.step(step + 1, terms, rate, watcher.measure(model))
                state.save(folder, step + 1)
            advance(1)
    processes.barrier()
    return _finish(config, folder, processes, prepared, model, time.monotonic() - began) if processes.leader else None


@dataclass(frozen=True, eq=False)
class _State:
    """Everything that changes from step to step, and that a checkpoint holds."""

    model: Autoencoder
    objective: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler

    @classmethod
    def start(cls, config: RunConfig, model: Autoencoder, objective: nn.Module) -> "_State":
        optimiser = _optimiser(config.optimiser, model, objective)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.optimiser.steps)
        return cls(model, objective, optimiser, schedule)

    def step(self, wrapped: nn.Module, x: Tensor, step: int) -> dict[str, Tensor]:
        """One step of the optimiser on a batch (batch, width); returns the loss terms."""
        terms: dict[str, Tensor] = self.objective(x, *wrapped(x))
        loss = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(loss):
            raise TrainingError(f"the loss is {loss.item()} at step {step}; train with a smaller --learning-rate")
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.schedule.step()
        return terms

    def restore(self, folder: RunFolder) -> int:
        """Go back to the folder's checkpoint, if it has one; returns the steps already done."""
        if not folder.checkpoint.is_file():
            return 0
        saved = folder.read_checkpoint()
        for item in fields(self):
            getattr(self, item.name).load_state_dict(saved[item.name])
        return int(saved["step"])

    def save(self, folder: RunFolder, step: int) -> None:
        """Replace the folder's checkpoint."""
        folder.write_checkpoint(
            {"step": step, **{item.name: getattr(self, item.name).state_dict() for item in fields(self)}}
        )


def _prepare(
    config: RunConfig, corpus: Corpus, model: Autoencoder, folder: RunFolder, processes: Processes
) -> Prepared:
    """Split, measure the controls, put the model at its closed-form start."""
    split = split_rows(corpus, config.held_out, config.seed)
    used = moment_rows(split.training, config.seed)
    statistics = gather_statistics(corpus.chunks(used), corpus.width, config.encoder.dim)
    generator = np.random.default_rng(config.seed)
    start(model, statistics, corpus.rows(_pick(generator, split.training, _DECODER_ROWS)))
    validation = corpus.rows(split.validation)
    if processes.leader:
        calibration = corpus.rows(_pick(generator, split.training, CALIBRATION_ROWS))
        folder.write_arrays(statistics, calibration, validation)
    return Prepared(corpus, split, statistics, validation)


def _watcher(config: RunConfig, prepared: Prepared) -> Validator:
    rows = prepared.validation
    some = rows[_pick(np.random.default_rng(config.seed), np.arange(len(rows)), _WATCHED_ROWS)]
    return Validator.prepare(some, prepared.statistics, config.encoder.dim)


def _is_due(finished: int, config: RunConfig) -> bool:
    return finished % config.evaluate_every == 0 or finished == config.optimiser.steps


def _optimiser(config: OptimiserConfig, model: Autoencoder, objective: nn.Module) -> torch.optim.Optimizer:
    blocks = list(model.encoder.directions.parameters())
    of_blocks = {id(parameter) for parameter in blocks}
    linear = [parameter for parameter in model.parameters() if id(parameter) not in of_blocks]
    groups = [{"params": [*linear, *objective.parameters()], "lr": config.learning_rate}]
    if blocks:
        groups.append({"params": blocks, "lr": config.block_learning_rate})
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay)


def _batch(config: RunConfig, prepared: Prepared, step: int, processes: Processes) -> Tensor:
    """The batch of a step depends on seed, step and process alone, so a resumed run sees the same ones."""
    settings, training = config.optimiser, prepared.split.training
    generator = np.random.default_rng([config.seed, step, processes.rank])
    x = prepared.corpus.rows(_pick(generator, training, settings.batch))
    batch = torch.from_numpy(x).to(processes.device)  # (batch, width)
    removed = min(settings.subspace_rows, len(x) // 4, prepared.corpus.width // 4)
    if removed:
        others = prepared.corpus.rows(_pick(generator, training, removed))
        batch = without_subspace(batch, torch.from_numpy(others).to(processes.device), strength=generator.random())
    return batch


def _pick(generator: np.random.Generator, numbers: Indices, count: int) -> Indices:
    """`count` of the numbers without repetition, or all of them."""
    if len(numbers) <= count:
        return numbers
    return numbers[generator.choice(len(numbers), count, replace=False)]


def _finish(
    config: RunConfig,
    folder: RunFolder,
    processes: Processes,
    prepared: Prepared,
    model: Autoencoder,
    seconds: float,
) -> RunResult:
    validator = Validator.prepare(prepared.validation, prepared.statistics, config.encoder.dim)
    measured, controls = validator.measure(model), validator.controls
    result = RunResult(measured, controls, verdict(measured, controls))
    split = prepared.split
    summary = {
        "fidelity": [asdict(item.row) for item in (measured, *controls)],
        "verdict": result.verdict,
        "training_rows": len(split.training),
        "validation_rows": len(split.validation),
        "validation_by_source": split.by_source,
        "processes": processes.count,
        "device": processes.device.type,
        "seconds": round(seconds, 1),
    }
    replace_file(folder.finished, lambda file: file.write(json.dumps(summary, indent=2).encode()))
    return result
