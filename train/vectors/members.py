"""A linear map that is the mean of several, each trained on some of the origins.

What a map learns about its own origins alone is noise for an origin that none has seen; the mean of several has less of
it (Breiman, "Bagging predictors", 1996). Maps cannot be averaged themselves, since any rotation of one gives the same
cosines, but what they measure can: the matrix W'W that holds the product of any two embeddings.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from linguagen.runtime.vectors import Array, Indices
from linguagen.runtime.writing.whole_file import replace_file
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.loop import Advance, run_steps
from linguagen.train.run.processes import Processes
from linguagen.train.run.state import Stopwatch
from linguagen.train.vectors.closed_form import DECODER_ROWS, set_linear
from linguagen.train.vectors.config import VectorRunConfig
from linguagen.train.vectors.data import Corpus, pick, row_origins
from linguagen.train.vectors.network import Autoencoder, VectorNetwork
from linguagen.train.vectors.objectives import Objective
from linguagen.train.vectors.prepare import Prepared
from linguagen.train.vectors.step import batch_losses, start_state

_SHARE = 0.75
"""Share of the origins that each member learns from: half of them gained less (docs/decisions/unseen.md)."""


def start_from_members(
    config: VectorRunConfig,
    model: Autoencoder,
    prepared: Prepared,
    folder: RunFolder,
    processes: Processes,
    advance: Advance,
) -> None:
    """Set the linear skip to the mean of members, for good, and the decoder to the map back.

    The leading process trains them, and each is kept in the run's folder, so that a resumed run trains none twice.

    Args:
        config: the run's settings.
        model: at its closed-form start, where members start too; changed in place.
        prepared: the rows; those held out are not looked at.
        folder: the run's.
        processes: this process among those that train together.
        advance: told the number of steps just finished.
    """
    optimiser = config.optimiser
    model.encoder.skip.weight.requires_grad_(False)
    if folder.checkpoint.is_file() or not processes.leader:
        advance(optimiser.steps * optimiser.members)  # the mean is in the checkpoint, or the leader sends it
        return
    maps = []
    for member in range(optimiser.members):
        kept = folder.path / f"member-{member}.npy"
        if kept.is_file():
            advance(optimiser.steps)
        else:
            trained = _train_member(member, config, model, prepared, processes, advance)
            replace_file(kept, lambda file, trained=trained: np.save(file, trained))  # type: ignore[misc]
        maps.append(np.load(kept))
    generator = np.random.default_rng(config.seed)
    rows = prepared.corpus.rows(pick(generator, prepared.split.training, DECODER_ROWS))
    dim = config.encoder.dim
    set_linear(model, mean_map(maps, [dim // 2, dim] if config.objective.half else [dim]).T, rows)


def member_rows(corpus: Corpus, training: Indices, generator: np.random.Generator) -> Indices:
    """The rows (count,) of a random three quarters of the origins, or three quarters of the rows if none are known.

    Args:
        corpus: all rows.
        training: numbers of those to choose from, (rows,).
        generator: chooses.
    """
    origins = row_origins(corpus)
    groups = np.arange(len(training)) if origins is None else origins[training]
    names = np.unique(groups)
    chosen = generator.permutation(names)[: round(_SHARE * len(names))]
    return training[np.isin(groups, chosen)]


def mean_map(maps: Sequence[Array], dims: Sequence[int]) -> Array:
    """The map nearest to the mean of what several measure: main directions of the mean of W'W.

    Args:
        maps: (dim, width) each.
        dims: prefixes that stand alone, in rising order, the last being dim. Each is the mean of the maps' own such
            prefixes; what comes after it holds what it leaves out.

    Returns:
        The map, (dim, width).
    """
    found = np.zeros((0, maps[0].shape[1]))
    for dim in dims:
        metric = sum(each[:dim].T.astype(np.float64) @ each[:dim] for each in maps) / len(maps) - found.T @ found
        values, vectors = np.linalg.eigh(metric)
        more = slice(len(values) - dim + len(found), None)
        scaled = vectors[:, more] * np.sqrt(np.maximum(values[more], 0))  # (width, dimensions added)
        found = np.concatenate([found, scaled.T[::-1]])
    return found.astype(np.float32)


def _train_member(
    member: int,
    config: VectorRunConfig,
    model: Autoencoder,
    prepared: Prepared,
    processes: Processes,
    advance: Advance,
) -> Array:
    """The linear map (dim, width) of one member."""
    corpus, optimiser, device = prepared.corpus, config.optimiser, processes.device
    rows = member_rows(corpus, prepared.split.training, np.random.default_rng([config.seed, member]))
    network = VectorNetwork(corpus.width, replace(config.encoder, directions="none"))
    network.skip.load_state_dict(model.encoder.skip.state_dict())
    own, objective = Autoencoder(network).to(device), Objective(config.objective).to(device)
    own.decoder.load_state_dict(model.decoder.state_dict())
    losses = batch_losses(
        own, objective, corpus, rows, optimiser, lambda step: (config.seed, step, 0, 1 + member), device
    )
    state = start_state(optimiser, own, objective, optimiser.steps, Stopwatch())
    run_steps(state, losses, optimiser.steps, optimiser.steps, advance=advance)
    return np.asarray(network.skip.weight.detach().cpu().numpy())
