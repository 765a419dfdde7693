"""Where a text encoder starts, before any step: closed forms for a fresh one, another's weights, or a fit of them."""

from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from linguagen.models.errors import UsageError
from linguagen.train.text.collection import LONGEST, TERM_FREQUENCY_POWER, fit_collection
from linguagen.train.text.config import TextEncoderConfig, TextRunConfig
from linguagen.train.text.finished import FinishedTextRun
from linguagen.train.text.model_file import find_start
from linguagen.train.text.network import TextNetwork
from linguagen.train.text.prepare import TextData
from linguagen.train.text.table import start_table
from linguagen.train.text.validation import encoded

_SMOOTH = 1e-3
"""a: the paper's own choice."""
_MOST_TEXTS = 20_000
"""A map of 256 x 256 numbers needs no more."""
_RIDGE = 1.0
"""Weight of the identity beside the sum over the texts: with few of them the map stays near no change."""


def start(encoder: TextNetwork, old: FinishedTextRun | None, data: TextData, collection: int) -> None:
    """Set the weights that training starts from.

    Args:
        encoder: fresh; gets them.
        old: the model that `--init` names.
        data: what training will read.
        collection: axes of the texts that are added to the old model.

    Raises:
        UsageError: the encoders are of different shapes.
        TrainingError: more axes than texts.
    """
    if old is None:
        start_importance(encoder, data.tokens.frequencies(data.tokenizer.pieces))
        start_table(encoder, data)
    elif old.config.encoder != _before_fit(encoder.config, old.config.encoder, collection):
        raise UsageError(
            f"--init {old.name} has {old.config.encoder}, this run asks for {encoder.config}; ask for the same shape"
        )
    elif collection:
        fit_collection(encoder, old.encoder, data)
    else:
        start_from(encoder, old, data)


def start_settings(config: TextRunConfig) -> dict[str, Any]:
    """The settings that follow from the model it starts from, and from a fit to a collection, by name."""
    shape = asdict(find_start(config.init).config.encoder)
    if not config.collection:
        return shape
    width = shape["width"] + config.collection
    return {**shape, "width": width, "term_frequency_power": TERM_FREQUENCY_POWER, "longest": LONGEST}


def _before_fit(shape: TextEncoderConfig, old: TextEncoderConfig, collection: int) -> TextEncoderConfig:
    """The shape without what a fit to a collection changes."""
    if not collection:
        return shape
    return replace(shape, width=shape.width - collection, term_frequency_power=old.term_frequency_power)


def start_from(encoder: TextNetwork, old: FinishedTextRun, data: TextData) -> None:
    """Copy the old model's weights; with a teacher, follow them by the linear map that fits it best."""
    encoder.load_state_dict(old.encoder.state_dict())
    if data.targets is None:
        return
    chosen = data.training[:: -(-len(data.training) // _MOST_TEXTS)]
    embeddings = torch.from_numpy(encoded(old.encoder, data.tokens, chosen))  # (texts, dim)
    turn = linear_map(embeddings, data.targets[torch.from_numpy(chosen)].float())
    with torch.no_grad():
        for layer in (encoder.skip, encoder.head):
            if layer is not None:
                layer.weight.copy_(turn @ layer.weight)


def start_importance(encoder: TextNetwork, frequencies: Tensor) -> None:
    """Count frequent tokens less, before any training: by a / (a + p), p being the share of a token in the corpus.

    Smooth inverse frequency of Arora, Liang and Ma ("A Simple but Tough-to-Beat Baseline for Sentence Embeddings",
    2017, section 3).

    Args:
        encoder: gets the logarithms as its importances.
        frequencies: how often each piece occurs, (pieces,).
    """
    share = frequencies.float() / frequencies.sum()
    with torch.no_grad():
        encoder.importance.weight.copy_(torch.log(_SMOOTH / (_SMOOTH + share))[:, None])


def linear_map(given: Tensor, wanted: Tensor) -> Tensor:
    """The map (dim, dim) from rows given (rows, dim) to rows wanted (rows, dim): least squares, drawn to a rotation.

    Ridge regression (Hoerl and Kennard, 1970) whose prior is not zero but the best rotation (Schoenemann, 1966), so
    that it is never worse than turning, however few the rows.
    """
    left, _, right = torch.linalg.svd(wanted.T @ given)
    rotation = left @ right  # (dim, dim)
    gram = given.T @ given + _RIDGE * torch.eye(given.shape[1])
    solved: Tensor = torch.linalg.solve(gram, given.T @ wanted + _RIDGE * rotation.T)
    return solved.T
