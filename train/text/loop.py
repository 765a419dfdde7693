"""A training run on raw text, from its settings to the finished folder."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

import torch
from torch import Tensor

from linguagen.models.manifests.text import TextFigure
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.loop import Advance, Terms, no_progress, run_steps
from linguagen.train.run.processes import Processes
from linguagen.train.run.state import State, Stopwatch
from linguagen.train.run.watch import Watch
from linguagen.train.text.config import TextRunConfig
from linguagen.train.text.model_file import Start, open_start
from linguagen.train.text.network import TextNetwork
from linguagen.train.text.objectives import TextObjective
from linguagen.train.text.prepare import TextData, prepare_text, teacher_space
from linguagen.train.text.start import start_network
from linguagen.train.text.validation import TextValidator

_SAMPLES = 1000
"""Texts kept for the export gate."""

Figures = tuple[TextFigure, ...]


def train_text(
    config: TextRunConfig,
    folder: RunFolder,
    processes: Processes,
    start: Start | None = None,
    advance: Advance = no_progress,
) -> Figures:
    """Train a text encoder, or resume from the folder's last checkpoint.

    Args:
        config: the run's settings.
        folder: where it writes; training resumes from a checkpoint found there.
        processes: this process, alone.
        start: the model that `config.init` names, if it is open already.
        advance: told the number of steps just finished.

    Returns:
        What the finished encoder measures on texts held out.

    Raises:
        TextError, TrainingError: an input cannot be used, or the loss is no longer finite.
        RunFolderError, ModelFileError: the model to start from cannot be read.
        VectorError: the target vectors cannot be read.
    """
    stopwatch, device = Stopwatch(), processes.device
    torch.manual_seed(config.seed)
    if config.init and start is None:
        start = open_start(config.init)
    data, network, objective = _made(config, folder, start)
    network.to(device)
    objective.to(device)
    optimiser = torch.optim.Adam([*network.parameters(), *objective.parameters()], config.learning_rate, fused=True)
    state = State.start(network, objective, optimiser, config.steps, stopwatch)
    begun = {name: weight.clone() for name, weight in network.state_dict().items()}

    def losses(step: int) -> Terms:
        """The terms of a step's batch."""
        return objective(network, data.batch(config, step).to(device))  # type: ignore[no-any-return]

    state.restore(folder)
    with Watch(folder, state, partial(TextValidator(data, device).validate, network)) as watch:
        figures = run_steps(state, losses, config.training_steps, config.evaluate_every, watch, advance=advance)
        if data.targets is not None and state.step == config.training_steps:
            average(network, begun, config.start_share)
            figures = None
        if figures is None:  # averaged, no step to take, or killed after the last one
            state.step = config.training_steps + 1  # one more than the steps: not to be averaged again
            figures = watch.look({})
    _finish(folder, config, data, figures, stopwatch.seconds)
    return figures


def _made(config: TextRunConfig, folder: RunFolder, start: Start | None) -> tuple[TextData, TextNetwork, TextObjective]:
    """The data, the network as training starts from it, and the loss terms."""
    old = start.load() if start else None
    data = prepare_text(config, folder, old.tokenizer if old else None)
    network = TextNetwork(data.tokenizer.pieces, config.encoder)
    start_network(network, old, data, config.collection)
    frequencies = data.tokens.frequencies(data.tokenizer.pieces)
    return data, network, TextObjective(config.objective, frequencies, config.encoder.width, config.token_dropout)


def average(network: TextNetwork, begun: Mapping[str, Tensor], share: float) -> None:
    """Move the weights back towards those that training began with: little of its gain is lost, much of its damage.

    Averaging in weight space: Wortsman et al., "Robust fine-tuning of zero-shot models" (arXiv 2109.01903, section 3).

    Args:
        network: gets the mean.
        begun: its weights before the first step, by name.
        share: their part in the mean.
    """
    network.load_state_dict(
        {name: torch.lerp(weight, begun[name], share) for name, weight in network.state_dict().items()}
    )


def _finish(folder: RunFolder, config: TextRunConfig, data: TextData, figures: Figures, seconds: float) -> None:
    """Write the result down."""
    rows = [*data.split.held_out, *data.split.training][:_SAMPLES]
    folder.write_finished(
        {
            "figures": [asdict(figure) for figure in figures],
            "samples": [data.texts[row] for row in rows],
            "training_texts": len(data.split.training),
            "training_pairs": len(data.pair_split.training),
            "held_out": len(data.split.held_out),
            **teacher_space(config),
            "seconds": round(seconds, 1),
        }
    )
