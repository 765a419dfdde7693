"""Where a text encoder starts, before any step: closed forms for a new one, another's weights, or a fit of them."""

from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from linguagen.models.errors import UsageError
from linguagen.train.network.linear import near_rotation
from linguagen.train.text.collection import LONGEST, TERM_FREQUENCY_POWER, fit_collection
from linguagen.train.text.config import TextEncoderConfig
from linguagen.train.text.finished import FinishedTextRun
from linguagen.train.text.model_file import Start
from linguagen.train.text.network import TextNetwork
from linguagen.train.text.prepare import TextData
from linguagen.train.text.table import start_table
from linguagen.train.text.validation import encoded

_SMOOTH = 1e-3
"""a: the paper's own choice."""
_MOST_TEXTS = 20_000
"""Texts that a map of 256 x 256 numbers is fitted on; more do not change it."""
_RIDGE = 1.0
"""Weight of the rotation next to the sum over the texts, which a few texts do not outweigh."""


def start_network(network: TextNetwork, old: FinishedTextRun | None, data: TextData, collection: int) -> None:
    """Set the weights that training starts from.

    Args:
        network: a new one; gets the weights.
        old: the model that `--init` names.
        data: what training will read.
        collection: axes of the texts that are added to the old model.

    Raises:
        UsageError: the encoders are of different shapes.
        TrainingError: more axes than texts.
    """
    if old is None:
        start_importance(network, data.tokens.frequencies(data.tokenizer.pieces))
        start_table(network, data)
    elif old.config.encoder != _before_fit(network.config, old.config.encoder, collection):
        raise UsageError(
            f"--init {old.name} has {old.config.encoder}, this run asks for {network.config}; ask for the same shape"
        )
    elif collection:
        fit_collection(network, old.network, data)
    else:
        start_from(network, old, data)


def start_settings(start: Start, collection: int) -> dict[str, Any]:
    """The settings that follow from the model to start from, and from a fit to a collection, by bare name."""
    shape = asdict(start.shape)
    if not collection:
        return shape
    width = shape["width"] + collection
    return {**shape, "width": width, "term_frequency_power": TERM_FREQUENCY_POWER, "longest": LONGEST}


def _before_fit(shape: TextEncoderConfig, old: TextEncoderConfig, collection: int) -> TextEncoderConfig:
    """The shape without what a fit to a collection changes."""
    if not collection:
        return shape
    return replace(shape, width=shape.width - collection, term_frequency_power=old.term_frequency_power)


def start_from(network: TextNetwork, old: FinishedTextRun, data: TextData) -> None:
    """Copy the old model's weights; with target vectors, follow them by the linear map that fits these best."""
    network.load_state_dict(old.network.state_dict())
    if data.targets is None:
        return
    chosen = data.split.training[:: -(-len(data.split.training) // _MOST_TEXTS)]
    embeddings = torch.from_numpy(encoded(old.network, data.tokens, chosen))  # (texts, dim)
    turn = near_rotation(embeddings, data.targets[torch.from_numpy(chosen)].float(), _RIDGE)
    with torch.no_grad():
        for layer in (network.skip, network.head):
            if layer is not None:
                layer.weight.copy_(turn @ layer.weight)


def start_importance(network: TextNetwork, frequencies: Tensor) -> None:
    """Count frequent tokens less, before any training: by a / (a + p), p being the share of a token in the corpus.

    Smooth inverse frequency of Arora, Liang and Ma ("A Simple but Tough-to-Beat Baseline for Sentence Embeddings",
    2017, section 3).

    Args:
        network: gets the logarithms as its importances.
        frequencies: how often each piece occurs, (pieces,).
    """
    share = frequencies.float() / frequencies.sum()
    with torch.no_grad():
        network.importance.weight.copy_(torch.log(_SMOOTH / (_SMOOTH + share))[:, None])
