"""A training run of a tagger, from its settings to the finished folder."""

from dataclasses import asdict

import torch

from linguagen.runtime.console import say
from linguagen.runtime.writing.whole_file import replace_file
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.loop import Advance, Terms, no_progress, run_steps
from linguagen.train.run.processes import Processes
from linguagen.train.run.state import State, Stopwatch
from linguagen.train.run.watch import Validation, Watch
from linguagen.train.tagger.config import TaggerRunConfig
from linguagen.train.tagger.objectives import TaggerObjective, hide
from linguagen.train.tagger.prepare import TaggerData, prepare_tagger
from linguagen.train.tagger.validation import Figures, TaggerValidator

_SAMPLES = 1000
"""Sentences kept for the export gate."""


def train_tagger(
    config: TaggerRunConfig, folder: RunFolder, processes: Processes, advance: Advance = no_progress
) -> Figures:
    """Train a tagger, or resume from the folder's last checkpoint.

    Args:
        config: the run's settings.
        folder: where it writes; training resumes from a checkpoint found there.
        processes: this process, alone.
        advance: told the number of steps just finished.

    Returns:
        What the finished tagger measures on sentences held out, next to simple methods.

    Raises:
        TextError, TrainingError: an input cannot be used, or the loss is no longer finite.
        ModelFileError, RunFolderError: the text model to start from cannot be read.
    """
    stopwatch, device = Stopwatch(), processes.device
    torch.manual_seed(config.seed)
    data, network = prepare_tagger(config)
    objective = TaggerObjective(len(data.labels), config.learns_chain(data.scheme)).to(device)
    weights = [*network.to(device).parameters(), *objective.parameters()]
    optimiser = torch.optim.AdamW(weights, config.learning_rate, weight_decay=config.weight_decay, fused=True)
    state, validator = State.start(network, objective, optimiser, config.steps, stopwatch), TaggerValidator(data)

    def losses(step: int) -> Terms:
        """The loss of a step's batch."""
        rows, labels = (each.to(device) for each in data.step_batch(config, step))
        scores = network(hide(rows, network.table.features, config.word_dropout))
        return {"labels": objective(scores, labels)}

    def validate() -> Validation[Figures]:
        """Figures on the sentences held out."""
        return validator.validate(network, objective.transitions)

    state.restore(folder)
    with Watch(folder, state, validate) as watch:
        figures = run_steps(state, losses, config.steps, config.evaluate_every, watch, advance=advance)
        figures = watch.look({}) if figures is None else figures  # None: killed after the last step
    if config.crf:
        figures = validator.with_crf(figures)
    _finish(folder, data, figures, stopwatch.seconds)
    return figures


def _finish(folder: RunFolder, data: TaggerData, figures: Figures, seconds: float) -> None:
    """Write the result down."""
    tokenizer = data.tokenizer
    if tokenizer is not None:
        replace_file(folder.tokenizer, lambda file: file.write(tokenizer.model))
    if all(figure.crf is None for figure in figures):
        say("no CRF to compare with: install python-crfsuite, and train with --crf")
    folder.write_finished(
        {
            "labels": data.labels,
            "scheme": data.scheme,
            "figures": [asdict(figure) for figure in figures],
            "samples": [[each.words, each.labels] for each in data.held_out[:_SAMPLES]],
            "training_sentences": len(data.training),
            "training_words": sum(map(len, data.numbers)),
            "held_out_sentences": len(data.held_out),
            "seconds": round(seconds, 1),
        }
    )
