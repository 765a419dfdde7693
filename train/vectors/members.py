"""A linear map that is the mean of several, each trained on a part of the sources.

What a map learns of one part's sources alone is noise for a source that none has seen; the mean of several has less of
it (Breiman, "Bagging predictors", 1996). Maps cannot be averaged themselves, since any rotation of one gives the same
cosines, but what they measure can: the matrix W'W that holds the product of any two embeddings.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from linguagen.runtime.vectors import Array, Indices
from linguagen.runtime.writing.whole_file import replace_file
from linguagen.train.run.folder import RunFolder, Stopwatch
from linguagen.train.run.processes import Processes
from linguagen.train.run.state import State
from linguagen.train.vectors.closed_form import set_linear
from linguagen.train.vectors.config import RunConfig
from linguagen.train.vectors.data import Corpus, row_sources
from linguagen.train.vectors.network import Autoencoder, VectorNetwork
from linguagen.train.vectors.objectives import Objective
from linguagen.train.vectors.prepare import DECODER_ROWS, Prepared, draw_batch, pick

_SHARE = 0.75
"""Of the sources, for each member: half of them gained less (docs/decisions/unseen.md)."""


def start_from_members(
    config: RunConfig,
    model: Autoencoder,
    prepared: Prepared,
    folder: RunFolder,
    processes: Processes,
    advance: Callable[[int], None],
) -> None:
    """Set the linear skip to the mean of members, for good, and the decoder to the map back.

    The leading process trains them, and each is kept in the run's folder, so that a resumed run trains none twice.

    Args:
        config: the run's settings.
        model: at its closed-form start, where members start too; changed in place.
        prepared: the rows; those held out are not looked at.
        folder: of the run.
        processes: this process among its fellows.
        advance: told the number of steps just finished.
    """
    optimiser = config.optimiser
    model.encoder.skip.weight.requires_grad_(False)
    if folder.checkpoint.is_file() or not processes.leader:
        advance(optimiser.steps * optimiser.members)  # what stands in the checkpoint, or is sent by the leader
        return
    maps = []
    for member in range(optimiser.members):
        kept = folder.path / f"member-{member}.npy"
        if kept.is_file():
            advance(optimiser.steps)
        else:
            _write(kept, _train_member(member, config, model, prepared, processes, advance))
        maps.append(np.load(kept))
    generator = np.random.default_rng(config.seed)
    rows = prepared.corpus.rows(pick(generator, prepared.split.training, DECODER_ROWS))
    dim = config.encoder.dim
    set_linear(model, mean_map(maps, [dim // 2, dim] if config.objective.half else [dim]).T, rows)


def member_rows(corpus: Corpus, training: Indices, generator: np.random.Generator) -> Indices:
    """The rows of a random three quarters of the sources, or three quarters of the rows where none are known.

    Args:
        corpus: all rows.
        training: numbers of those to choose from.
        generator: chooses.
    """
    sources = row_sources(corpus)
    groups = np.arange(len(training)) if sources is None else sources[training]
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
    config: RunConfig,
    model: Autoencoder,
    prepared: Prepared,
    processes: Processes,
    advance: Callable[[int], None],
) -> Array:
    """The linear map (dim, width) of one member."""
    corpus, optimiser = prepared.corpus, config.optimiser
    rows = member_rows(corpus, prepared.split.training, np.random.default_rng([config.seed, member]))
    encoder = VectorNetwork(corpus.width, replace(config.encoder, directions="none"))
    encoder.skip.load_state_dict(model.encoder.skip.state_dict())
    own = Autoencoder(encoder).to(processes.device)
    own.decoder.load_state_dict(model.decoder.state_dict())
    state = State.start(config, own, Objective(config.objective).to(processes.device), Stopwatch())
    for step in range(optimiser.steps):
        state.step(own, draw_batch(corpus, rows, optimiser, (config.seed, step, 0, 1 + member), processes.device), step)
        advance(1)
    return np.asarray(encoder.skip.weight.detach().cpu().numpy())


def _write(path: Path, array: Array) -> None:
    replace_file(path, lambda file: np.save(file, array))
