"""Start from another text model: a finished run, or a model file whose weights are read back into PyTorch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from linguagen.models.catalogue import find_model
from linguagen.models.errors import ModelFileError, UsageError
from linguagen.models.manifests.fields import check_types
from linguagen.models.model_file import TextFile, read_text_file
from linguagen.models.onnx_file import read_initialisers
from linguagen.runtime.text.tokenizer import PADDING, Tokenizer
from linguagen.train.network.blocks import ForwardEncoder
from linguagen.train.network.stored import stored_weight
from linguagen.train.network.tokens import TokenBlock
from linguagen.train.run.folder import RunFolder
from linguagen.train.text.config import TextEncoderConfig, TextRunConfig
from linguagen.train.text.finished import FinishedTextRun, load_finished
from linguagen.train.text.network import TextNetwork

_ZERO, _STEPS = 128, 127
"""How `export/text/graph.py` stores a table in int8: unsigned, the scales of its columns in the matrices behind it."""


@dataclass(frozen=True, eq=False)
class Start:
    """A text model to start from, whose weights are not in PyTorch yet."""

    shape: TextEncoderConfig
    load: Callable[[], FinishedTextRun]
    """Makes its network; this draws random numbers, so that training calls it after seeding."""


def open_start(name_or_path: str) -> Start:
    """Open the model to start from: a run's folder, a shipped text model by name, or a model file.

    Raises:
        RunFolderError: the run cannot be read.
        UnknownModelError: no such name, file or folder.
        ModelFileError: the file is damaged, or is no text model.
    """
    path = Path(name_or_path)
    if RunFolder(path).config.is_file():  # a folder named like a model is not taken for a run
        return Start(RunFolder(path).read_config(TextRunConfig).encoder, partial(load_finished, path))
    return read_text_model(find_model(name_or_path))


def read_text_model(path: Path) -> Start:
    """Read a model file as the run that made it, weights as they were rounded; it has no samples for an export gate.

    Raises:
        ModelFileError: damaged, no text model, or of a shape that this version does not make.
    """
    file = read_text_file(path)
    # A file of an older version lacks what was not a choice then, which is the default now.
    values = {item.name: file.manifest.training.get(item.name, item.default) for item in fields(TextEncoderConfig)}
    try:
        shape = TextEncoderConfig(**values)
        check_types(shape)
    except (TypeError, UsageError) as error:
        raise _foreign(path, error) from error
    return Start(shape, partial(_load_file, path, file, shape))


def _load_file(path: Path, file: TextFile, shape: TextEncoderConfig) -> FinishedTextRun:
    """The network of a model file."""
    manifest, tokenizer = file.manifest, Tokenizer(file.tokenizer, str(path))
    config = TextRunConfig(inputs=(), encoder=shape, targets=manifest.teacher)
    stored = {name: torch.from_numpy(array) for name, array in read_initialisers(file.data).items()}
    try:
        _check_sizes(stored, tokenizer.pieces, shape)
        network = TextNetwork(tokenizer.pieces, shape)
        with torch.no_grad():
            fill_network(network, stored)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
        raise _foreign(path, error) from error
    return FinishedTextRun(manifest.name, config, network.eval(), manifest.training, tokenizer, (), manifest.figures)


def _check_sizes(stored: Mapping[str, Tensor], pieces: int, shape: TextEncoderConfig) -> None:
    """Compare sizes that the manifest records with the stored weights, before memory is taken for a network.

    Raises:
        KeyError, ValueError: they do not fit.
    """
    table = tuple(_table(stored).shape)
    if table != (pieces, shape.width):
        raise ValueError(f"a table of {table}, expected {(pieces, shape.width)}")
    most = max(tensor.numel() for tensor in stored.values())
    if max(shape.hidden * shape.width, shape.dim * shape.width) > most or shape.layers > len(stored):
        raise ValueError(f"{shape.hidden} units, {shape.dim} dimensions and {shape.layers} layers are more than it has")


def _foreign(path: Path, error: Exception) -> ModelFileError:
    """The error for weights that another version stored."""
    return ModelFileError(
        f"{path}: its weights are not stored as this version stores them ({str(error)[:160]}); "
        "start from the run that made it"
    )


def fill_network(network: TextNetwork, stored: Mapping[str, Tensor]) -> None:
    """Set the weights from those of a graph of `export/text/graph.py`, by name."""
    table, width = _table(stored), network.config.width
    size = table[table.any(dim=1)].norm(dim=1).mean()  # rows of length 1, as training starts from
    network.embedding.weight.copy_(table / size)
    network.importance.weight.copy_(stored["importance"][:, None])
    network.importance.weight[PADDING] = 0
    out = stored_weight(stored, "out_weight")  # (width + units, dim)
    network.skip.weight.copy_(out[:width].T * size)
    if network.head is None:
        return
    network.head.weight.copy_(out[width:].T)
    wide = stored_weight(stored, "wide_weight") * size  # (width, directions * 3 * hidden)
    for direction, first in zip(network.directions, wide.chunk(len(network.directions), dim=1), strict=True):
        if not isinstance(direction, ForwardEncoder):
            continue
        name = "backward" if direction.reverse else "forward"
        for layer, block in enumerate(block for block in direction.blocks if isinstance(block, TokenBlock)):
            _fill_block(block, stored_weight(stored, f"{name}{layer}_weight") if layer else first)


def _fill_block(block: TokenBlock, parts: Tensor) -> None:
    """Set a block's weights from U, V and G next to each other, (inputs, 3 * hidden)."""
    u, v, g = parts.chunk(3, dim=1)  # (inputs, hidden) each
    block.u.copy_(u.T)
    block.v.copy_(v.T / (1 - block.keep)[:, None])
    block.g.copy_(g.T)


def _table(stored: Mapping[str, Tensor]) -> Tensor:
    """The embedding table (pieces, width), as the matrices behind it expect it."""
    if "table_uint8" in stored:
        return (stored["table_uint8"].float() - _ZERO) / _STEPS
    return stored_weight(stored, "table")
