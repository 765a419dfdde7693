"""Fit a text encoder to the documents that it will search, in closed form: no labels, no targets, a few seconds.

A general encoder knows what words mean, not which words tell the documents of one collection apart. Latent semantic
analysis (Deerwester et al., "Indexing by Latent Semantic Analysis", 1990) knows that and nothing else. Both are linear
in the bag of pieces, so the collection's axes become further columns of the table, and the same file holds both.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from linguagen.models.errors import TrainingError
from linguagen.train.network.linear import main_axes
from linguagen.train.text.network import TextNetwork
from linguagen.train.text.prepare import TextData
from linguagen.train.text.table import Bags
from linguagen.train.text.validation import encoded

# Chosen on CISI and PubMedQA (docs/decisions/collection.md).
LONGEST = 4096
"""Tokens of a document that are read: nearly all of them, since no step has to be fast."""
TERM_FREQUENCY_POWER = 0.75
"""A word that a document repeats says less each time; few repeat in a sentence, which the encoder was trained on."""
_AXES_POWER, _POOLING_POWER = 2.0, 1.0
"""Powers of a piece's inverse document frequency, in the second moment of the axes and in pooling."""
_AXES_IMPORTANCE = 0.5
"""Power of the encoder's own importances in the second moment of the axes."""
_WEIGHT = 1.0
"""Mean length of the axes' part of an embedding, relative to the encoder's own part."""
_COMMON = 0.5
"""Share that is kept of the direction that all documents have in common, which distinguishes none of them."""
_OVERSAMPLED, _ITERATIONS = 64, 16
"""Extra directions, and rounds, of the subspace iteration."""


def fit_collection(network: TextNetwork, old: TextNetwork, data: TextData) -> None:
    """Set an encoder to the old one plus the collection's main axes, rotated to the dimensions that its texts use.

    Args:
        network: has the old one's shape, with one more column in its table for each axis; changed in place.
        old: what is fitted; not changed.
        data: the documents; those held out are not read.

    Raises:
        TrainingError: more axes than documents, or than pieces in them.
    """
    axes = network.config.width - old.config.width
    with torch.no_grad():
        idf, power = inverse_document_frequency(data, old.pieces), network.config.term_frequency_power
        importance = old.importance.weight.squeeze(1)
        weighed = _AXES_IMPORTANCE * importance + _AXES_POWER * idf.log()
        pooled = importance + _POOLING_POWER * idf.log()
        bags = Bags(data.tokens, data.split.training, weighed, power)
        documents, pieces = len(data.split.training), int(bags.used.sum())
        if axes > min(documents, pieces):
            raise TrainingError(
                f"--collection {axes} asks for more axes than there are documents ({documents}) or different "
                f"pieces in them ({pieces}); ask for fewer, or give more documents"
            )
        basis = main_directions(bags, axes)  # (pieces, axes)
        columns = basis * (weighed - pooled).exp()[:, None]  # pooling weighs by the rest
        network.importance.weight.copy_(pooled[:, None])
        _copy_readers(network, old)
        network.embedding.weight[:, : old.config.width] = old.embedding.weight
        own = torch.from_numpy(encoded(network.unscaled, data.tokens, data.split.training))  # (texts, dim)
        added = Bags(data.tokens, data.split.training, pooled, power).means(columns)  # (texts, axes)
        scale = _WEIGHT * own.norm(dim=1).mean() / added.norm(dim=1).mean()
        network.embedding.weight[:, old.config.width :] = scale * columns
        both = torch.cat([own, scale * added], dim=1)  # (texts, dim + axes)
        weaken = without_common(both)
        _rotate(network, main_axes(F.normalize(both @ weaken, dim=1).numpy(), network.config.dim).T @ weaken)


def inverse_document_frequency(data: TextData, pieces: int) -> Tensor:
    """ln((1 + texts) / (1 + texts with the piece)) + 1, (pieces,): as scikit-learn's TfidfTransformer smooths it."""
    with_piece = Bags(data.tokens, data.split.training, torch.zeros(pieces)).counts
    return torch.log((1 + len(data.split.training)) / (1 + with_piece)) + 1


def without_common(rows: Tensor) -> Tensor:
    """The map (width, width) that weakens the mean direction of rows (rows, width), which all of them share.

    After Mu and Viswanath ("All-but-the-Top", arXiv 1702.01417, section 2), who remove it.
    """
    common = F.normalize(F.normalize(rows, dim=1).mean(dim=0), dim=0)  # (width,)
    return torch.eye(len(common)) - (1 - _COMMON) * torch.outer(common, common)


def main_directions(bags: Bags, count: int) -> Tensor:
    """The main right singular vectors of bags scaled to length 1, (pieces, count).

    Randomised subspace iteration (Halko, Martinsson and Tropp, arXiv 0909.4061, algorithm 4.4).
    """
    generator = torch.Generator().manual_seed(0)
    squares = bags.norms()[:, None] ** 2  # (texts, 1)
    size = min(count + _OVERSAMPLED, len(squares), int(bags.used.sum()))
    basis = torch.randn(len(bags.counts), size, generator=generator)
    for _ in range(_ITERATIONS):
        image = bags.transposed(bags.means(basis) / squares)
        basis = image.index_put((bags.used,), torch.linalg.qr(image[bags.used]).Q)  # elsewhere zero
    image = bags.means(basis) / squares.sqrt()  # (texts, size)
    rotation = torch.linalg.eigh(image.T @ image).eigenvectors[:, -count:].flip(1)
    return torch.mm(basis, rotation)


def _copy_readers(network: TextNetwork, old: TextNetwork) -> None:
    """Compute what the old encoder computes; the new columns of the table have no weight yet."""
    width = old.config.width
    network.skip.weight.zero_()
    network.skip.weight[:, :width] = old.skip.weight
    if network.head is not None and old.head is not None:
        network.head.weight.copy_(old.head.weight)
    for direction, other in zip(network.directions, old.directions, strict=True):
        direction.load_state_dict(_widened(direction, other))


def _widened(direction: torch.nn.Module, old: torch.nn.Module) -> dict[str, Tensor]:
    """The old direction's weights; the first block reads more columns, whose weights are zero."""
    expected = direction.state_dict()
    return {
        name: F.pad(weight, (0, expected[name].shape[-1] - weight.shape[-1]))
        for name, weight in old.state_dict().items()
    }


def _rotate(network: TextNetwork, rotation: Tensor) -> None:
    """Apply a map (dim, dim + axes) to the embedding and the new columns next to it."""
    dim, width = network.config.dim, network.config.width
    axes = rotation.shape[1] - dim
    added = torch.eye(width)[width - axes :]  # (axes, width): the new columns as they are
    network.skip.weight.copy_(rotation @ torch.cat([network.skip.weight, added]))
    if network.head is not None:
        network.head.weight.copy_(rotation[:, :dim] @ network.head.weight)
