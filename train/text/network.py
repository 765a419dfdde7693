"""The text network: an embedding table, what two bilinear readers of the tokens add to it, and weighted pooling.

For tokens t_1 .. t_L of a text, with x_i their rows of the table::

    z = normalize( P pool(x_1 .. x_L) + head( pool( Forward(x_1 .. x_L), Backward(x_L .. x_1) ) ) )

The readers are those of `train/network/blocks.py`: a unit multiplies what a token says by what stands before it, or
after it, so that order counts. What stands before is a sum that fades with distance: no attention, no
recurrence, and work that grows linearly with the text. The head starts at zero, so that the untrained encoder is the
weighted mean of the table, and training can only be judged against it. Each text is encoded by itself.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linguagen.runtime.text.tokenizer import PADDING
from linguagen.train.network.blocks import LinearSkip, ProjectionHead, both_directions
from linguagen.train.network.tokens import TokenBlock
from linguagen.train.text.config import TextEncoderConfig


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
