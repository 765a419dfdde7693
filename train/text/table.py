"""The best bag of words in closed form: a table whose weighted means are nearest to the target vectors."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from linguagen.train.text.data import Rows, TokenLists
from linguagen.train.text.network import TextNetwork
from linguagen.train.text.prepare import TextData

_PRIOR = 0.2
"""Length of the random rows that the ridge pulls the table to; target vectors have length 1."""
_RIDGE = 0.1
"""Weight of that pull."""
_ITERATIONS = 20
"""Steps of conjugate gradients."""
_TINY = 1e-12
"""Keeps divisions defined once a column is solved."""
_ONE_IN = 10
"""One text in this many is read misspelt too, so that pieces of misspelt words get rows as well."""


def start_table(network: TextNetwork, data: TextData) -> None:
    """Set the table by least squares, each text weighed by the square root of its length; nothing without targets.

    Conjugate gradients (Hestenes and Stiefel, 1952) with a ridge towards the table's random rows; a piece that no text
    contains keeps its row. The result is scaled to rows of mean length 1, which changes no embedding and is what the
    readers expect.

    Args:
        network: its importances weigh the pieces; its table is set.
        data: texts for training, and their target vectors.
    """
    if data.targets is None:
        return
    rows = data.split.training
    if data.misspells:
        rows = np.concatenate([rows, rows[::_ONE_IN] + len(data.texts)])
    columns = min(network.config.width, network.config.dim)  # the skip starts as the identity on these
    with torch.no_grad():
        importance = network.importance.weight.squeeze(1)
        bags = Bags(data.tokens, rows, importance, network.config.term_frequency_power)
        targets = data.targets[torch.from_numpy(rows % len(data.texts)), :columns].float()  # (texts, columns)
        table = network.embedding.weight
        solved = solve_table(bags, targets, table[:, :columns] * _PRIOR)
        table[:, :columns] = solved / solved[bags.used].norm(dim=1).mean()


def solve_table(bags: "Bags", targets: Tensor, start: Tensor) -> Tensor:
    """The table (pieces, dim) whose means are nearest to targets (texts, dim), with a ridge towards a start.

    Args:
        bags: the texts.
        targets: what the mean of each text should be.
        start: the table (pieces, dim) that the ridge pulls to.
    """
    weights = bags.lengths.float().sqrt()[:, None]  # (texts, 1)
    solved = start
    residual = bags.transposed((targets - bags.means(solved)) * weights)  # (pieces, dim)
    direction, size = residual, (residual**2).sum(dim=0)
    for _ in range(_ITERATIONS):
        image = bags.transposed(bags.means(direction) * weights) + _RIDGE * direction
        rate = size / ((direction * image).sum(dim=0) + _TINY)  # (dim,)
        solved, residual = solved + rate * direction, residual - rate * image
        before, size = size, (residual**2).sum(dim=0)
        direction = residual + size / (before + _TINY) * direction
    return solved


class Bags:
    """Texts as weighted bags of pieces: a sparse matrix (texts, pieces) whose rows sum to 1."""

    def __init__(self, tokens: TokenLists, rows: Rows, importance: Tensor, term_frequency_power: float = 1.0) -> None:
        """Take the texts of these numbers.

        Args:
            tokens: those of all texts.
            rows: numbers of the texts to take.
            importance: logarithms of how much each piece counts, (pieces,).
            term_frequency_power: a piece that occurs n times in a text counts n to this power.
        """
        self.lengths = torch.from_numpy(tokens.lengths[rows])  # in tokens
        flat = torch.from_numpy(np.concatenate([tokens.tokens_of(row) for row in rows])).long()
        text = torch.repeat_interleave(torch.arange(len(rows)), self.lengths)
        places, times = torch.unique(text * len(importance) + flat, return_counts=True)  # by text, then by piece
        self._texts, self._pieces = places // len(importance), places % len(importance)
        weights = importance.exp()[self._pieces] * times**term_frequency_power
        self._weights = weights / torch.zeros(len(rows)).index_add_(0, self._texts, weights)[self._texts]
        self._starts = _starts(torch.bincount(self._texts, minlength=len(rows)))
        order = self._pieces.argsort(stable=True)
        self._texts_by_piece, self._weights_by_piece = self._texts[order], self._weights[order]
        self.counts = torch.bincount(self._pieces, minlength=len(importance))
        """Number of texts with each piece, (pieces,)."""
        self.used = self.counts > 0
        """True for pieces that occur, (pieces,): few of a general table's if the texts are one collection."""
        self._piece_starts = _starts(self.counts)

    def means(self, table: Tensor) -> Tensor:
        """The weighted mean of a table's rows (pieces, dim) for each text, (texts, dim)."""
        return F.embedding_bag(self._pieces, table, self._starts, mode="sum", per_sample_weights=self._weights)

    def transposed(self, rows: Tensor) -> Tensor:
        """For each piece the weighted sum of rows (texts, dim) over the texts with it, (pieces, dim)."""
        return F.embedding_bag(
            self._texts_by_piece, rows, self._piece_starts, mode="sum", per_sample_weights=self._weights_by_piece
        )

    def norms(self) -> Tensor:
        """Euclidean length of each text's weights, (texts,)."""
        return torch.zeros(len(self.lengths)).index_add_(0, self._texts, self._weights**2).sqrt()


def _starts(counts: Tensor) -> Tensor:
    """Where each group begins, (groups,), if groups of these sizes (groups,) follow one another."""
    return counts.cumsum(0) - counts
