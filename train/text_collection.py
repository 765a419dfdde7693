"""Fit a text encoder to the documents that it shall search, in closed form: no labels, no teacher, seconds.

A general encoder knows what words mean, not which words tell the documents of one collection apart. Latent semantic
analysis (Deerwester et al., "Indexing by Latent Semantic Analysis", 1990) knows that and nothing else. Both are linear
in the bag of pieces, so the collection's axes become further columns of the table, and the same file holds both.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from linguagen.models.errors import TrainingError
from linguagen.train.text_model import TextEncoder
from linguagen.train.text_prepare import TextData, main_axes
from linguagen.train.text_table import Bags
from linguagen.train.text_validation import encoded

# Chosen on CISI (docs/decisions.md 14).
_AXES_POWER, _POOLING_POWER = 2.0, 1.0
"""Powers of a piece's inverse document frequency: in the axes' second moment, and in pooling."""
_WEIGHT = 1.0
"""Length of the axes' part beside the encoder's own, in the mean over the documents."""
_OVERSAMPLED, _ITERATIONS = 16, 8


def fit_collection(encoder: TextEncoder, old: TextEncoder, data: TextData) -> None:
    """Set an encoder to the old one plus the collection's main axes, turned to the dimensions that its texts use.

    Args:
        encoder: of the old one's shape, but wider by as many columns as axes are added.
        old: what is fitted; stays as it is.
        data: the documents; those held out are not looked at.

    Raises:
        TrainingError: more axes than documents.
    """
    axes = encoder.config.width - old.config.width
    if axes > len(data.training):
        raise TrainingError(
            f"--collection {axes} asks for more axes than there are documents ({len(data.training)}); "
            "ask for fewer, or give more documents"
        )
    with torch.no_grad():
        idf = inverse_document_frequency(data, old.pieces)
        importance = old.importance.weight.squeeze(1)
        weighed = importance + _AXES_POWER * idf.log()
        basis = main_directions(Bags(data.tokens, data.training, weighed), axes)  # (pieces, axes)
        encoder.importance.weight.copy_((importance + _POOLING_POWER * idf.log())[:, None])
        columns = basis * idf[:, None] ** (_AXES_POWER - _POOLING_POWER)  # pooling weighs by the rest
        _copy_readers(encoder, old)
        encoder.embedding.weight[:, : old.config.width] = old.embedding.weight
        own = torch.from_numpy(encoded(encoder.unscaled, data.tokens, data.training))  # (texts, dim)
        added = Bags(data.tokens, data.training, encoder.importance.weight.squeeze(1)).means(columns)  # (texts, axes)
        scale = _WEIGHT * own.norm(dim=1).mean() / added.norm(dim=1).mean()
        encoder.embedding.weight[:, old.config.width :] = scale * columns
        both = F.normalize(torch.cat([own, scale * added], dim=1), dim=1)  # (texts, dim + axes)
        _turn(encoder, main_axes(both.numpy(), encoder.config.dim).T)


def inverse_document_frequency(data: TextData, pieces: int) -> Tensor:
    """ln((1 + texts) / (1 + texts with the piece)) + 1, (pieces,): as scikit-learn's TfidfTransformer smooths it."""
    with_piece = Bags(data.tokens, data.training, torch.zeros(pieces)).counts
    return torch.log((1 + len(data.training)) / (1 + with_piece)) + 1


def main_directions(bags: Bags, count: int) -> Tensor:
    """The main right singular vectors of bags scaled to length 1, (pieces, count).

    Randomised subspace iteration (Halko, Martinsson and Tropp, arXiv 0909.4061, algorithm 4.4).
    """
    generator = torch.Generator().manual_seed(0)
    squares = bags.norms()[:, None] ** 2  # (texts, 1)
    size = min(count + _OVERSAMPLED, len(squares), len(bags.counts))
    basis = torch.randn(len(bags.counts), size, generator=generator)
    for _ in range(_ITERATIONS):
        basis = torch.linalg.qr(bags.transposed(bags.means(basis) / squares)).Q
    image = bags.means(basis) / squares.sqrt()  # (texts, size)
    turn = torch.linalg.eigh(image.T @ image).eigenvectors[:, -count:].flip(1)
    return torch.mm(basis, turn)


def _copy_readers(encoder: TextEncoder, old: TextEncoder) -> None:
    """What the old encoder computes, the new columns of the table counting nothing yet."""
    width = old.config.width
    encoder.skip.weight.zero_()
    encoder.skip.weight[:, :width] = old.skip.weight
    if encoder.head is not None and old.head is not None:
        encoder.head.weight.copy_(old.head.weight)
    for direction, other in zip(encoder.directions, old.directions, strict=True):
        direction.load_state_dict(_widened(direction, other))


def _widened(direction: torch.nn.Module, old: torch.nn.Module) -> dict[str, Tensor]:
    """The old direction's weights; the first block reads more columns, whose weights are zero."""
    wanted = direction.state_dict()
    return {
        name: F.pad(weight, (0, wanted[name].shape[-1] - weight.shape[-1])) for name, weight in old.state_dict().items()
    }


def _turn(encoder: TextEncoder, turn: Tensor) -> None:
    """Follow the encoder, and the new columns beside it, by a map (dim, dim + axes)."""
    dim, width = encoder.config.dim, encoder.config.width
    axes = turn.shape[1] - dim
    added = torch.eye(width)[width - axes :]  # (axes, width): the new columns as they are
    encoder.skip.weight.copy_(turn @ torch.cat([encoder.skip.weight, added]))
    if encoder.head is not None:
        encoder.head.weight.copy_(turn[:, :dim] @ encoder.head.weight)
