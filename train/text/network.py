"""The text network: an embedding table, what two bilinear readers of the tokens add to it, and weighted pooling.

For tokens t_1 .. t_L of a text, with x_i their rows of the table::

    z = normalize( P pool(x_1 .. x_L) + head( pool( Forward(x_1 .. x_L), Backward(x_L .. x_1) ) ) )

The readers are those of `train/network/blocks.py`: a unit multiplies what a token says by what stands before it, or
after it, so that order counts. What stands before is a sum that fades with distance: no attention, no
recurrence, and work that grows linearly with the text. The head starts at zero, so that the untrained encoder is the
weighted mean of the table, and training can only be judged against it. Each text is encoded by itself.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linguagen.runtime.text.tokenizer import PADDING
from linguagen.train.network.blocks import BilinearGLUBlock, LinearSkip, Parts, ProjectionHead, both_directions
from linguagen.train.text.config import TextEncoderConfig

DOUBLINGS = 4
"""A fading sum reaches 2 ** DOUBLINGS tokens back."""


class TokenBlock(BilinearGLUBlock):
    """Bilinear units over the tokens of a text; one at token i sees token i and those before it (after it if reversed).

    U x and G x see the token itself; V x is a fading sum over the others, whose rate differs for each unit and is not
    trained.
    """

    keep: Tensor
    """The share of its sum that a unit keeps from one token to the next, between 0 and 1, (hidden,)."""

    def __init__(self, width: int, hidden: int, reverse: bool) -> None:
        """Make the weights.

        Args:
            width: numbers in a token's row.
            hidden: units per token.
            reverse: read from the last token to the first.
        """
        super().__init__(width, hidden)
        self.reverse = reverse
        # Half of what a neighbour says is left after 0.7 tokens for the first unit, after 6.6 for the last.
        self.register_buffer("keep", torch.sigmoid(torch.linspace(-0.5, 2.2, hidden)), persistent=False)

    def read(self, x: Tensor) -> Parts:
        """U x, V x of the other tokens, and G x, of (batch, length, width), each (batch, length, hidden)."""
        u, v, g = (F.linear(x, weight) for weight in (self.u, self.v, self.g))
        summed: Tensor = FadingSum.apply(v * (1 - self.keep), self.keep, self.reverse)  # type: ignore[no-untyped-call]
        return u, summed, g


class FadingSum(torch.autograd.Function):
    """For each token the sum of those before it, the nearest counting most: over k >= 1 of keep^(k-1) x_(i-k).

    Its gradient is the same sum in the other direction.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, keep: Tensor, reverse: bool) -> Tensor:
        """Sum x (batch, length, hidden) over the tokens before each (after each if reversed); keep is (hidden,)."""
        ctx.save_for_backward(keep)
        ctx.reverse = reverse
        return fading_sum(x, keep, reverse)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Gradient of x (batch, length, hidden); the other arguments have none."""
        return fading_sum(gradients[0], ctx.saved_tensors[0], not ctx.reverse), None, None


def fading_sum(x: Tensor, keep: Tensor, reverse: bool) -> Tensor:
    """The sums of `FadingSum`, without gradients.

    Made by doubling: a sum of twice the reach is the sum plus itself, shifted and faded (the parallel prefix sum of
    Hillis and Steele, 1986), so that it is a handful of additions whatever the length.

    Args:
        x: (batch, length, hidden).
        keep: (hidden,), from 0 to 1.
        reverse: sum the tokens after each one instead of those before it.

    Returns:
        (batch, length, hidden).
    """
    total = torch.zeros_like(x)
    later, earlier = _places(reverse, 1)
    total[:, later] = x[:, earlier]
    for doubling in range(DOUBLINGS):
        later, earlier = _places(reverse, 2**doubling)
        doubled = total.clone()
        doubled[:, later].addcmul_(total[:, earlier], keep ** (2**doubling))
        total = doubled
    return total


def _places(reverse: bool, distance: int) -> tuple[slice, slice]:
    """Slices of the tokens that have one at this distance before them (after them if reversed), and of those others."""
    late, early = slice(distance, None), slice(None, -distance)
    return (early, late) if reverse else (late, early)


class TextNetwork(nn.Module):
    """The encoder: from tokens to embeddings."""

    def __init__(self, pieces: int, config: TextEncoderConfig) -> None:
        """Make a network for a tokenizer with this number of pieces."""
        super().__init__()
        self.pieces, self.config = pieces, config
        self.embedding = nn.Embedding(pieces, config.width, padding_idx=PADDING)
        nn.init.normal_(self.embedding.weight, std=config.width**-0.5)
        with torch.no_grad():
            self.embedding.weight[PADDING] = 0
        self.importance = nn.Embedding(pieces, 1)
        nn.init.zeros_(self.importance.weight)
        self.skip = LinearSkip(config.width, config.dim)
        nn.init.eye_(self.skip.weight)

        def make_block(number: int, reverse: bool) -> TokenBlock:
            """A block by its number, counted from 0, and whether it reads from the end."""
            return TokenBlock(config.width if number == 0 else config.hidden, config.hidden, reverse)

        self.directions = both_directions(make_block, config.layers, config.directions)
        units = len(self.directions) * config.hidden
        self.head = ProjectionHead(units, config.dim) if units else None

    def forward(self, tokens: Tensor) -> Tensor:
        """Encode (batch, length), filled up with PADDING, as (batch, dim), unit length."""
        return F.normalize(self.unscaled(tokens), dim=1)

    def unscaled(self, tokens: Tensor) -> Tensor:
        """Embeddings (batch, dim) of tokens (batch, length), before they are scaled to unit length."""
        x = self.embedding(tokens)  # (batch, length, width)
        weights = self.weights(tokens).unsqueeze(1)  # (batch, 1, length)
        z: Tensor = self.skip((weights @ x).squeeze(1))
        if self.head is not None:
            units = torch.cat([direction(x) for direction in self.directions], dim=2)  # (batch, length, units)
            z = z + self.head((weights @ units).squeeze(1))
        return z

    def weights(self, tokens: Tensor) -> Tensor:
        """How much each of tokens (batch, length) counts, (batch, length); a text's weights sum to 1, padding has 0."""
        importance = self.importance(tokens).squeeze(2)  # (batch, length)
        if (power := self.config.term_frequency_power) != 1:
            # Each of n counts n ** (power - 1), so that together they count n ** power.
            importance = importance + (power - 1) * term_frequencies(tokens, self.pieces).log()
        return torch.softmax(importance.masked_fill(tokens == PADDING, -torch.inf), dim=1)

    def mean_of_table(self, tokens: Tensor) -> Tensor:
        """The control: embeddings (batch, dim) of unit length from tokens (batch, length), without the readers."""
        z = self.skip((self.weights(tokens).unsqueeze(1) @ self.embedding(tokens)).squeeze(1))
        return F.normalize(z, dim=1)


def term_frequencies(tokens: Tensor, pieces: int) -> Tensor:
    """How often the piece of each of tokens (batch, length) occurs in its text, (batch, length) as float."""
    texts = torch.arange(len(tokens), device=tokens.device)[:, None]  # (batch, 1)
    _, places, counts = torch.unique(texts * pieces + tokens, return_inverse=True, return_counts=True)
    frequencies: Tensor = counts[places].float()
    return frequencies
