"""The loss terms of training on raw text.

Target vectors come from a file and never change in training. Without them, the other texts of the batch keep
embeddings apart: every term that pulls two embeddings together pushes them away from the rest.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linguagen.runtime.text.tokenizer import PADDING
from linguagen.train.network.losses import neighbourhood
from linguagen.train.text.config import TextObjectiveConfig
from linguagen.train.text.network import TextNetwork


@dataclass(frozen=True, eq=False)
class TextBatch:
    """What a step learns from."""

    tokens: Tensor
    """(batch, length)"""
    targets: Tensor | None
    """Target vectors (batch, dim), unit length."""
    pairs: tuple[Tensor, Tensor] | None
    """Tokens of texts that belong together, (pairs, length) each."""

    def to(self, device: torch.device) -> "TextBatch":
        """This batch on a device."""
        pairs = None if self.pairs is None else (self.pairs[0].to(device), self.pairs[1].to(device))
        return TextBatch(self.tokens.to(device), None if self.targets is None else self.targets.to(device), pairs)


class TextObjective(nn.Module):
    """The weighted terms of a configuration."""

    def __init__(self, config: TextObjectiveConfig, frequencies: Tensor, width: int, token_dropout: float) -> None:
        """Make the terms.

        Args:
            config: their weights.
            frequencies: how often each piece occurs in the corpus, (pieces,).
            width: numbers in a row of the embedding table.
            token_dropout: share of tokens left out.
        """
        super().__init__()
        self.config, self.token_dropout = config, token_dropout
        if config.skip_gram:
            self.contexts = nn.Embedding(len(frequencies), width)
            nn.init.zeros_(self.contexts.weight)
            self.register_buffer("noise", noise(frequencies))

    def forward(self, network: TextNetwork, batch: TextBatch) -> dict[str, Tensor]:
        """Every term with a weight above 0 for which there is data, weighted."""
        config, terms = self.config, {}
        tokens = drop_tokens(batch.tokens, self.token_dropout)
        z = network(tokens) if batch.targets is not None or config.simcse else None  # (batch, dim)
        if batch.targets is not None and z is not None:
            if config.cosine:
                terms["cosine"] = config.cosine * (1 - (z * batch.targets).sum(dim=1).mean())
            if config.neighbourhood:
                target, actual = batch.targets @ batch.targets.T, z @ z.T  # (batch, batch)
                terms["neighbourhood"] = config.neighbourhood * neighbourhood(target, actual, config.temperature)
        if config.simcse and z is not None:
            other = network(drop_tokens(batch.tokens, self.token_dropout))
            terms["simcse"] = config.simcse * in_batch_contrast(z, other, config.temperature)
        if config.contrastive and batch.pairs is not None:
            first, second = (network(drop_tokens(each, self.token_dropout)) for each in batch.pairs)
            terms["contrastive"] = config.contrastive * in_batch_contrast(first, second, config.temperature)
        if config.skip_gram:
            terms["skip_gram"] = config.skip_gram * self._skip_gram(network, batch.tokens)
        return terms

    def _skip_gram(self, network: TextNetwork, tokens: Tensor) -> Tensor:
        """The term of `skip_gram` for tokens (batch, length), with neighbours and negatives drawn at random."""
        centres, contexts = neighbour_tokens(tokens, self.config.window)
        negatives = torch.multinomial(self.get_buffer("noise"), self.config.negatives, replacement=True)
        table = network.embedding
        return skip_gram(table(centres), self.contexts(contexts), self.contexts(negatives))


def in_batch_contrast(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of finding each text's partner among all texts of the batch, both ways.

    With two random dropouts of one text it is the objective of SimCSE (Gao et al., arXiv 2104.08821, section 3), with
    texts that occur together that of contrastive pre-training (Neelakantan et al., arXiv 2201.10005, section 3).

    Args:
        first: (batch, dim), unit length.
        second: (batch, dim), unit length; row i belongs to row i of the first.
        temperature: in units of cosine.
    """
    cosines = first @ second.T / temperature  # (batch, batch)
    itself = torch.arange(len(first), device=first.device)
    return (F.cross_entropy(cosines, itself) + F.cross_entropy(cosines.T, itself)) / 2


def skip_gram(centres: Tensor, contexts: Tensor, negatives: Tensor) -> Tensor:
    """Negative sampling: a token's neighbour scores high, drawn tokens score low.

    Mikolov et al., arXiv 1310.4546, section 2.2; the drawn tokens are shared by the batch, their term is the mean
    over them times 5, the number of draws that the paper advises.

    Args:
        centres: rows of the embedding table (tokens, width).
        contexts: rows of the table of contexts for each one's neighbour (tokens, width).
        negatives: rows of the table of contexts for the drawn tokens (draws, width).
    """
    near = F.logsigmoid((centres * contexts).sum(dim=1))  # (tokens,)
    far = F.logsigmoid(-centres @ negatives.T).mean(dim=1)  # (tokens,)
    return -(near + 5 * far).mean()


def neighbour_tokens(tokens: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Each token of (batch, length) with one that stands at most `window` before or after it, at random.

    The distance is drawn evenly, which weighs near ones no more than far ones.

    Returns:
        Tokens and their neighbours, (tokens,) each; a token whose draw falls outside its text is left out.
    """
    length = tokens.shape[1]
    distance = torch.randint(1, window + 1, tokens.shape, device=tokens.device)
    sign = torch.randint(0, 2, tokens.shape, device=tokens.device) * 2 - 1
    place = torch.arange(length, device=tokens.device) + distance * sign  # (batch, length)
    neighbours = tokens.gather(1, place.clamp(0, length - 1))
    inside = (place >= 0) & (place < length) & (tokens != PADDING) & (neighbours != PADDING)
    return tokens[inside], neighbours[inside]


def drop_tokens(tokens: Tensor, share: float) -> Tensor:
    """Tokens (batch, length) with a random share of them replaced by padding; the first always stays."""
    if not share:
        return tokens
    dropped = torch.rand(tokens.shape, device=tokens.device) < share
    dropped[:, 0] = False
    return tokens.masked_fill(dropped, PADDING)


def noise(frequencies: Tensor) -> Tensor:
    """Odds (pieces,) of drawing each piece as a negative: frequency ** 3/4 (arXiv 1310.4546, section 2.2)."""
    odds = frequencies.double() ** 0.75
    odds[PADDING] = 0
    return (odds / odds.sum()).float()
