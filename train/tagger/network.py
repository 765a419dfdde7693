"""The network of a tagger: rows of a table, short gated convolutions, bilinear blocks in two directions, scores.

The features of a word choose rows of one table. Each layer adds to what the layers before it know: a convolution sees
the nearest words, a bilinear block all words before or after, the nearest counting most. There is no attention and no
recurrence, and the work grows linearly with a sentence. Padding and the other sentences of a batch change nothing.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linguagen.models.manifests.tagger import WordFeatures
from linguagen.runtime.text.tokenizer import PADDING, Tokenizer
from linguagen.train.network.tokens import DOUBLINGS, TokenBlock
from linguagen.train.tagger.config import TaggerShape

PIECE_COLUMNS = 4
"""Pieces of a word that are read."""
WINDOW = 512
"""Words of a sentence that training reads, and that a call of the graph reads at most."""
SIDE = 1
"""Words on each side that a convolution reads."""


def word_features(shape: TaggerShape, tokenizer: Tokenizer | None) -> WordFeatures:
    """What a tagger reads of a word; without a tokenizer no pieces."""
    if tokenizer is None:
        return WordFeatures(1, 0, shape.hashed)
    return WordFeatures(tokenizer.pieces, PIECE_COLUMNS, shape.hashed)


class WordTable(nn.Module):
    """From the feature rows of words to one vector for each word."""

    def __init__(self, features: WordFeatures, shape: TaggerShape) -> None:
        """Make a table whose rows for pieces are zero until they are set; row 0 stays zero."""
        super().__init__()
        self.features = features
        self.pieces = nn.Parameter(torch.zeros(features.pieces, shape.width))
        self.hashed = nn.Parameter(torch.randn(features.rows - features.pieces, shape.width) * 0.1)
        groups = 3 if features.piece_columns else 1
        self.project = nn.Linear(groups * shape.width, shape.hidden)

    def rows(self) -> Tensor:
        """The whole table (rows, width); row 0 is zero."""
        return torch.cat([self.pieces, self.hashed])

    def forward(self, features: Tensor) -> Tensor:
        """Map rows (batch, words, columns) to (batch, words, hidden).

        The first piece, the sum of the other pieces and the sum of the hashed features have their own parts of the
        projection.
        """
        columns = self.features.piece_columns
        inside = features[..., columns:] >= self.features.pieces  # (batch, words, hashed columns)
        hashed = F.embedding((features[..., columns:] - self.features.pieces).clamp(min=0), self.hashed)
        parts = [(hashed * inside[..., None]).sum(dim=2)]
        if columns:
            pieces = F.embedding(features[..., :columns], self.pieces, PADDING)  # (batch, words, columns, width)
            parts = [pieces[:, :, 0], pieces[:, :, 1:].sum(dim=2), *parts]
        projected: Tensor = self.project(torch.cat(parts, dim=2))
        return projected


class GatedConvolution(nn.Module):
    """A convolution over a word and its neighbours, each unit with a gate (arXiv 1612.08083, section 2)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.weight = nn.Linear((2 * SIDE + 1) * hidden, 2 * hidden)

    def forward(self, h: Tensor, inside: Tensor) -> Tensor:
        """What to add to h (batch, words, hidden); `inside` (batch, words, 1) is 0 for padding."""
        x = F.pad(self.norm(h) * inside, (0, 0, SIDE, SIDE))
        words = h.shape[1]
        window = torch.cat([x[:, place : place + words] for place in range(2 * SIDE + 1)], dim=2)
        added: Tensor = F.glu(self.weight(window), dim=2)
        return added


class TwoWayBlock(nn.Module):
    """Bilinear units that read the words before each word, others that read those after it, and a map back."""

    def __init__(self, hidden: int, units: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.before = TokenBlock(hidden, units, reverse=False)
        self.after = TokenBlock(hidden, units, reverse=True)
        self.out = nn.Linear(2 * units, hidden)
        nn.init.zeros_(self.out.weight)

    def forward(self, h: Tensor, inside: Tensor) -> Tensor:
        """What to add to h (batch, words, hidden); `inside` (batch, words, 1) is 0 for padding."""
        x = self.norm(h) * inside * h.shape[2] ** -0.5  # rows of about length 1, as the blocks expect
        added: Tensor = self.out(torch.cat([self.before(x), self.after(x)], dim=2))
        return added


class TaggerNetwork(nn.Module):
    """From the feature rows of words to a score for each label."""

    def __init__(self, features: WordFeatures, labels: int, shape: TaggerShape) -> None:
        """Make the weights; those of the table's pieces are zero until they are set."""
        super().__init__()
        self.shape = shape
        self.table = WordTable(features, shape)
        convolutions = [GatedConvolution(shape.hidden) for _ in range(shape.convolutions)]
        blocks = [TwoWayBlock(shape.hidden, shape.units) for _ in range(shape.layers)]
        self.layers = nn.ModuleList([*convolutions, *blocks])
        self.dropout = nn.Dropout(shape.dropout)
        self.norm = nn.LayerNorm(shape.hidden)
        self.scores = nn.Linear(shape.hidden, labels)

    @property
    def reach(self) -> int:
        """Words before and after a word that can change its scores."""
        return SIDE * self.shape.convolutions + (1 << DOUBLINGS) * self.shape.layers

    def forward(self, features: Tensor) -> Tensor:
        """Map rows (batch, words, columns), all 0 for padding, to scores (batch, words, labels)."""
        inside = features.any(dim=2, keepdim=True).float()  # (batch, words, 1)
        h = self.dropout(self.table(features))
        for layer in self.layers:
            h = h + self.dropout(layer(h, inside))
        scores: Tensor = self.scores(self.dropout(self.norm(h)))
        return scores
