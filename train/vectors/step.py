"""What a step on vectors is made of: a batch, its loss terms, and the state that the optimiser changes."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from linguagen.runtime.vectors import Indices
from linguagen.train.run.loop import Losses, Terms
from linguagen.train.run.state import State, Stopwatch
from linguagen.train.vectors.config import OptimiserConfig
from linguagen.train.vectors.data import Corpus, pick
from linguagen.train.vectors.network import Autoencoder
from linguagen.train.vectors.objectives import without_subspace


def start_state(
    config: OptimiserConfig, model: Autoencoder, objective: nn.Module, steps: int, stopwatch: Stopwatch
) -> State:
    """The state before the first step: AdamW, with a separate learning rate for the bilinear blocks."""
    blocks = list(model.encoder.directions.parameters())
    in_blocks = {id(parameter) for parameter in blocks}
    linear = [parameter for parameter in model.parameters() if id(parameter) not in in_blocks]
    groups = [{"params": [*linear, *objective.parameters()], "lr": config.learning_rate}]
    if blocks:
        groups.append({"params": blocks, "lr": config.block_learning_rate})
    optimiser = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
    return State.start(model, objective, optimiser, steps, stopwatch)


def batch_losses(
    model: nn.Module,
    objective: nn.Module,
    corpus: Corpus,
    numbers: Indices,
    config: OptimiserConfig,
    seed: Callable[[int], Sequence[int]],
    device: torch.device,
) -> Losses:
    """The loss terms of each step.

    Args:
        model: maps x (batch, width) to embeddings (batch, dim) and reconstructions (batch, width).
        objective: maps (x, embeddings, reconstructions) to named loss terms.
        corpus: all rows.
        numbers: those that batches are drawn from, (count,).
        config: how a batch is drawn.
        seed: from a step's number to the seed of its batch.
        device: where the model lies.
    """

    def losses(step: int) -> Terms:
        """The terms of a step's batch."""
        x = draw_batch(corpus, numbers, config, seed(step), device)
        return objective(x, *model(x))  # type: ignore[no-any-return]

    return losses


def draw_batch(
    corpus: Corpus, numbers: Indices, config: OptimiserConfig, seed: Sequence[int], device: torch.device
) -> Tensor:
    """Some of the rows of these numbers, (batch, width), with the span of some others weakened.

    Args:
        corpus: all rows.
        numbers: those to draw from, (count,).
        config: the batch's size, and how many rows' span is weakened.
        seed: the same seed gives the same batch, so that a resumed run sees the same ones.
        device: where the batch goes, and where it is weakened.
    """
    generator = np.random.default_rng(seed)
    batch = torch.from_numpy(corpus.rows(pick(generator, numbers, config.batch))).to(device)
    removed = min(config.subspace_rows, len(batch) // 4, corpus.width // 4)
    if removed:
        others = torch.from_numpy(corpus.rows(pick(generator, numbers, removed))).to(device)
        batch = without_subspace(batch, others, strength=generator.random())
    return batch
