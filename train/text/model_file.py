"""Start from a text model's file: its weights read back into PyTorch, so that nobody needs the run that made it."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from linguagen.models.catalogue import find_model
from linguagen.models.errors import MissingExtraError, ModelFileError
from linguagen.models.model_file import read_text_file
from linguagen.runtime.text.tokenizer import PADDING, Tokenizer
from linguagen.train.network.blocks import ForwardEncoder
from linguagen.train.run.folder import RunFolder
from linguagen.train.text.config import TextEncoderConfig, TextRunConfig
from linguagen.train.text.finished import FinishedTextRun, load_text_run
from linguagen.train.text.network import TextNetwork, TokenBlock

_ZERO, _STEPS = 128, 127
"""How `export/text/graph.py` stores a table in int8: unsigned, the scales of its columns in the matrices behind it."""


def find_start(name_or_path: str) -> FinishedTextRun:
    """The encoder to start from: a run's folder, a shipped text model by name, or a model file.

    Raises:
        RunFolderError: the run cannot be read.
        UnknownModelError: no such name, file or folder.
        ModelFileError: the file is damaged, or is no text model.
        MissingExtraError: a model file, and onnx is not installed.
    """
    # A folder may have the name of a model, as linguagen-en in a checkout; a run has settings in it.
    if RunFolder(Path(name_or_path)).config.is_file():
        return load_text_run(Path(name_or_path))
    return read_text_model(find_model(name_or_path))


def read_text_model(path: Path) -> FinishedTextRun:
    """Read a model file as the run that made it, weights as they were rounded; it has no samples for an export gate.

    Raises:
        ModelFileError: damaged, no text model, or of a shape that this version does not make.
        MissingExtraError: onnx is not installed.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise MissingExtraError(
            f"starting from a model file needs onnx ({error}); install it: pip install 'linguagen[export]'"
        ) from error
    file = read_text_file(path)
    tokenizer = Tokenizer(file.tokenizer, str(path))
    graph = onnx.load_from_string(file.data).graph
    stored = {each.name: torch.from_numpy(np.array(numpy_helper.to_array(each))) for each in graph.initializer}
    # A file of an older version lacks what was not a choice then, which is the default now.
    shape = {item.name: file.manifest.training.get(item.name, item.default) for item in fields(TextEncoderConfig)}
    try:
        config = TextRunConfig(text=(), encoder=TextEncoderConfig(**shape), teacher=file.manifest.teacher)
        encoder = TextNetwork(tokenizer.pieces, config.encoder)
        with torch.no_grad():
            fill_encoder(encoder, stored)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ModelFileError(
            f"{path}: its weights are not stored as this version stores them ({str(error)[:160]}); "
            "start from the run that made it"
        ) from error
    manifest = file.manifest
    return FinishedTextRun(manifest.name, config, encoder.eval(), tokenizer, (), manifest.figures, manifest.training)


def fill_encoder(encoder: TextNetwork, stored: Mapping[str, Tensor]) -> None:
    """Set the weights from those of a graph of `export/text/graph.py`, by name."""
    table, width = _table(stored), encoder.config.width
    size = table[table.any(dim=1)].norm(dim=1).mean()  # rows of length 1, as training starts from
    encoder.embedding.weight.copy_(table / size)
    encoder.importance.weight.copy_(stored["importance"][:, None])
    encoder.importance.weight[PADDING] = 0
    out = _weight(stored, "out_weight")  # (width + units, dim)
    encoder.skip.weight.copy_(out[:width].T * size)
    if encoder.head is None:
        return
    encoder.head.weight.copy_(out[width:].T)
    wide = _weight(stored, "wide_weight") * size  # (width, directions * 3 * hidden)
    for direction, first in zip(encoder.directions, wide.chunk(len(encoder.directions), dim=1), strict=True):
        if not isinstance(direction, ForwardEncoder):
            continue
        name = "backward" if direction.reverse else "forward"
        for layer, block in enumerate(block for block in direction.blocks if isinstance(block, TokenBlock)):
            _fill_block(block, _weight(stored, f"{name}{layer}_weight") if layer else first)


def _fill_block(block: TokenBlock, parts: Tensor) -> None:
    u, v, g = parts.chunk(3, dim=1)  # (inputs, hidden) each
    block.u.copy_(u.T)
    block.v.copy_(v.T / (1 - block.keep)[:, None])
    block.g.copy_(g.T)


def _table(stored: Mapping[str, Tensor]) -> Tensor:
    """(pieces, width), as the matrices behind it expect it."""
    if "table_uint8" in stored:
        return (stored["table_uint8"].float() - _ZERO) / _STEPS
    return _weight(stored, "table")


def _weight(stored: Mapping[str, Tensor], name: str) -> Tensor:
    """A weight as it was, stored in any precision."""
    if f"{name}_int8" in stored:
        return stored[f"{name}_int8"].float() * stored[f"{name}_scale"]
    return stored[f"{name}_half"].float() if f"{name}_half" in stored else stored[name]
