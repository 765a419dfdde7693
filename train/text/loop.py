"""The training loop on raw text."""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from linguagen.models.errors import TrainingError
from linguagen.models.manifests.text import TextFigure
from linguagen.runtime.writing.whole_file import replace_file
from linguagen.train.run.folder import RunFolder, Stopwatch
from linguagen.train.text.config import TextRunConfig
from linguagen.train.text.finished import RandomState
from linguagen.train.text.model_file import find_start
from linguagen.train.text.network import TextNetwork
from linguagen.train.text.objectives import TextObjective
from linguagen.train.text.prepare import TextData, prepare_text
from linguagen.train.text.start import start
from linguagen.train.text.validation import TextValidator

_SAMPLES = 1000
"""Texts kept for the export gate."""


def train_text(
    config: TextRunConfig,
    folder: RunFolder,
    device: torch.device,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[TextFigure, ...]:
    """Train a text encoder, or go on from the folder's last checkpoint.

    Args:
        config: the run's settings.
        folder: where it writes; a checkpoint found there is gone on from.
        device: where it computes.
        advance: told the number of steps just finished.

    Returns:
        What the finished encoder measures on texts held out.

    Raises:
        TrainingError: an input cannot be used, or the loss is no longer finite.
        RunFolderError: the run to start from cannot be read.
        VectorError: the teacher's vectors cannot be read.
    """
    stopwatch = Stopwatch()
    torch.manual_seed(config.seed)
    data, encoder, objective = _made(config, folder)
    encoder.to(device)
    objective.to(device)
    optimiser = torch.optim.Adam([*encoder.parameters(), *objective.parameters()], config.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps)
    begun = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    parts: dict[str, Any] = {"encoder": encoder, "objective": objective, "optimiser": optimiser, "schedule": schedule}
    parts |= {"random": RandomState(), "stopwatch": stopwatch}
    validator = TextValidator(data, device)
    done = folder.restore(parts)
    advance(min(done, config.training_steps))
    figures: tuple[TextFigure, ...] = ()
    log = SummaryWriter(str(folder.path / "tensorboard"), purge_step=done + 1 if done else None)
    with closing(log):
        for step in range(done, config.training_steps):
            terms = objective(encoder, data.batch(config, step).to(device))
            _descend(optimiser, schedule, terms, step)
            advance(1)
            if (step + 1) % config.evaluate_every == 0 or step + 1 == config.steps:
                figures = validator.measure(encoder)
                _track(log, step + 1, terms, figures)
                folder.save(parts, step + 1)
        if data.targets is not None and done <= config.training_steps:
            average(encoder, begun, config.start_share)
            figures = ()
        if not figures:  # averaged, no step to take, or killed after the last one
            figures = validator.measure(encoder)
            _track(log, config.training_steps + 1, {}, figures)
            folder.save(parts, config.training_steps + 1)  # one more than the steps: not to be averaged again
    _finish(folder, data, figures, stopwatch.seconds)
    return figures


def _made(config: TextRunConfig, folder: RunFolder) -> tuple[TextData, TextNetwork, TextObjective]:
    """Data, an encoder as training starts from it, and the terms."""
    old = find_start(config.init) if config.init else None
    data = prepare_text(config, folder, old.tokenizer if old else None)
    encoder = TextNetwork(data.tokenizer.pieces, config.encoder)
    start(encoder, old, data, config.collection)
    frequencies = data.tokens.frequencies(data.tokenizer.pieces)
    return data, encoder, TextObjective(config.objective, frequencies, config.encoder.width, config.token_dropout)


def average(encoder: TextNetwork, begun: Mapping[str, Tensor], share: float) -> None:
    """Move the weights back towards those that training began with: little of its gain is lost, much of its damage.

    Averaging in weight space: Wortsman et al., "Robust fine-tuning of zero-shot models" (arXiv 2109.01903, section 3).

    Args:
        encoder: gets the mean.
        begun: its weights before the first step, by name.
        share: their part in the mean.
    """
    encoder.load_state_dict(
        {name: torch.lerp(weight, begun[name], share) for name, weight in encoder.state_dict().items()}
    )


def _descend(
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    terms: Mapping[str, Tensor],
    step: int,
) -> None:
    if not terms:
        raise TrainingError(
            "every loss term is off: without --teacher and --pairs, leave --simcse or --skip-gram above 0"
        )
    loss = torch.stack(list(terms.values())).sum()
    if not torch.isfinite(loss):
        raise TrainingError(f"the loss is {loss.item()} at step {step}; train with a smaller --learning-rate")
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    schedule.step()


def _track(log: SummaryWriter, step: int, terms: Mapping[str, Tensor], figures: tuple[TextFigure, ...]) -> None:
    for name, term in terms.items():
        log.add_scalar(f"loss/{name}", term.item(), step)
    for figure in figures:
        log.add_scalar(f"{figure.name}/encoder", figure.encoder, step)
        log.add_scalar(f"{figure.name}/mean of table", figure.mean_of_table, step)


def _finish(folder: RunFolder, data: TextData, figures: tuple[TextFigure, ...], seconds: float) -> None:
    rows = [*data.held_out, *data.training][:_SAMPLES]
    summary = {
        "figures": [asdict(figure) for figure in figures],
        "samples": [data.texts[row] for row in rows],
        "training_texts": len(data.training),
        "training_pairs": len(data.training_pairs),
        "held_out": len(data.held_out),
        "seconds": round(seconds, 1),
    }
    replace_file(folder.finished, lambda file: file.write(json.dumps(summary, indent=2).encode()))
