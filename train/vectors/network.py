"""The encoder: a linear map, plus what two bilinear readers of the segments add to it.

For x of unit length, cut into S segments, whose sizes differ by one at most::

    z = normalize( P x + head( Forward(x_1 .. x_S), Backward(x_S .. x_1) ) )

`P` starts in closed form and the head at zero, so the untrained network is softened PCA, and training can only be
judged against it. No attention and no recurrence: direction is a causal mask on the weights, so that everything
linear in x folds into one matrix product when the model is exported. Each row is encoded by itself.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linguagen.train.network.blocks import BilinearGLUBlock, LinearSkip, Parts, ProjectionHead, both_directions
from linguagen.train.vectors.config import EncoderConfig, check_dim


class SegmentBlock(BilinearGLUBlock):
    """Bilinear units over the segments of a vector; one at segment i sees segments 1..i, or i..S when reversed.

    Direction is a mask on the weights.
    """

    mask: Tensor

    def __init__(self, sizes: Sequence[int], hidden: int, reverse: bool) -> None:
        """Make the weights.

        Args:
            sizes: numbers in each segment of the input, (segments,).
            hidden: units per segment of the output.
            reverse: read the segments from the last to the first.
        """
        super().__init__(sum(sizes), len(sizes) * hidden)
        self.register_buffer("mask", direction_mask(sizes, hidden, reverse), persistent=False)

    def masked(self) -> Parts:
        """U, V and G with unseen segments at zero, each (segments * hidden, inputs)."""
        return self.u * self.mask, self.v * self.mask, self.g * self.mask

    def read(self, x: Tensor) -> Parts:
        """U x, V x and G x of (batch, inputs), each (batch, segments * hidden)."""
        u, v, g = (F.linear(x, weight) for weight in self.masked())
        return u, v, g


def segment_sizes(width: int, segments: int) -> list[int]:
    """Numbers in each segment of a vector, (segments,): the first segments are one longer if the width has a rest.

    A vector of fewer numbers than segments is cut into single numbers.
    """
    segments = min(segments, width)
    size, rest = divmod(width, segments)
    return [size + (number < rest) for number in range(segments)]


def direction_mask(sizes: Sequence[int], hidden: int, reverse: bool) -> Tensor:
    """1 where a unit may see a number: (segments * hidden, inputs), for segments of these sizes (segments,)."""
    seen = torch.ones(len(sizes), len(sizes)).tril()  # (unit's segment, number's segment)
    if reverse:
        seen = seen.T
    return seen.repeat_interleave(hidden, dim=0).repeat_interleave(torch.tensor(sizes), dim=1)


class VectorNetwork(nn.Module):
    """The encoder: from vectors of a teacher to embeddings."""

    def __init__(self, width: int, config: EncoderConfig) -> None:
        """Make an encoder whose linear skip is still random: see `closed_form.start`.

        Raises:
            UsageError: the vectors are narrower than the embedding.
        """
        super().__init__()
        check_dim(config.dim, width)
        self.width, self.config = width, config
        self.skip = LinearSkip(width, config.dim)
        sizes = segment_sizes(width, config.segments)

        def make_block(number: int, reverse: bool) -> SegmentBlock:
            """A block by its number, counted from 0, and whether it reads from the end."""
            return SegmentBlock([config.hidden] * len(sizes) if number else sizes, config.hidden, reverse)

        self.directions = both_directions(make_block, config.layers, config.directions)
        units = len(self.directions) * len(sizes) * config.hidden
        self.head = ProjectionHead(units, config.dim) if units else None

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, width), unit length, as (batch, dim), unit length."""
        z: Tensor = self.skip(x)
        if self.head is not None:
            units = torch.cat([direction(x) for direction in self.directions], dim=1)  # (batch, units)
            z = z + self.head(units)
        return F.normalize(z, dim=1)


class Autoencoder(nn.Module):
    """The encoder with the linear decoder that the cosine objective and the reconstruction figure need."""

    def __init__(self, encoder: VectorNetwork) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = nn.Linear(encoder.config.dim, encoder.width, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (batch, dim) and reconstructions (batch, width), which are not of unit length."""
        z = self.encoder(x)
        return z, self.decoder(z)
