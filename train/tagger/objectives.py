"""What a tagger is trained for: each word's label, alone or in a chain of labels; and what training hides."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linguagen.models.manifests.tagger import WordFeatures

NO_LABEL = -100
"""Stands for the label of padding."""


class TaggerObjective(nn.Module):
    """The loss of a batch."""

    transitions: nn.Parameter | None
    """What a label adds to the score of the next, (labels + 1, labels), the first row for the start of a sentence."""

    def __init__(self, labels: int, chain: bool) -> None:
        """Make the loss.

        Args:
            labels: number of labels.
            chain: whether transitions between labels are learnt too (a linear-chain CRF).
        """
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(labels + 1, labels)) if chain else None

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of a word.

        Args:
            scores: (batch, words, labels).
            labels: (batch, words), NO_LABEL for padding.
        """
        if self.transitions is None:
            return F.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=NO_LABEL)
        return chain_loss(scores, labels, self.transitions)


def chain_loss(scores: Tensor, labels: Tensor, transitions: Tensor) -> Tensor:
    """Minus the log-likelihood of label sequences, per word (Lafferty et al., "Conditional Random Fields", 2001).

    Args:
        scores: (batch, words, labels).
        labels: (batch, words), NO_LABEL for padding; the first word of a sentence is none.
        transitions: (labels + 1, labels).
    """
    inside = labels != NO_LABEL  # (batch, words)
    known = labels.clamp(min=0)
    before = F.pad(known[:, :-1] + 1, (1, 0))  # row of the transitions, 0 at the start
    steps = scores.gather(2, known[:, :, None])[:, :, 0] + transitions[before, known]
    total = transitions[0] + scores[:, 0]  # (batch, labels)
    for word in range(1, scores.shape[1]):
        reached = (total[:, :, None] + transitions[1:]).logsumexp(dim=1) + scores[:, word]
        total = torch.where(inside[:, word, None], reached, total)
    return (total.logsumexp(dim=1).sum() - (steps * inside).sum()) / inside.sum()


def hide(features: Tensor, columns: WordFeatures, share: float) -> Tensor:
    """Rows (batch, words, columns) in which some words, at random, have no form, and half as many no pieces.

    So the network learns to guess at words that it does not know from their affixes, shape and neighbours.
    """
    drawn = torch.rand(features.shape[:2], device=features.device)
    pieces, hidden = columns.piece_columns, features.clone()
    hidden[..., pieces][drawn < share] = 0
    hidden[..., :pieces][drawn > 1 - share / 2] = 0
    return hidden
