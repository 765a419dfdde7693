"""The encoder: a linear map, plus what two bilinear readers of the segments add to it.

For x of unit length, cut into S segments::

    z = normalize( P x + head( Forward(x_1 .. x_S), Backward(x_S .. x_1) ) )

`P` starts in closed form and the head at zero, so the untrained network is softened PCA, and training can only be
judged against it. No attention and no recurrence: direction is a causal mask on the weights, so that everything
linear in x folds into one matrix product when the model is exported. Each row is encoded by itself.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from linguagen.models.errors import UsageError
from linguagen.train.network.blocks import BilinearGLUBlock, LinearSkip, Parts, ProjectionHead, both_directions
from linguagen.train.vectors.config import EncoderConfig


class SegmentBlock(BilinearGLUBlock):
    """Bilinear units over the segments of a vector; one at segment i sees segments 1..i, or i..S when reversed.

    Direction is a mask on the weights.
    """

    mask: Tensor

    def __init__(self, segments: int, width: int, hidden: int, reverse: bool) -> None:
        """Make the weights.

        Args:
            segments: S.
            width: numbers in a segment of the input.
            hidden: units per segment of the output.
            reverse: read the segments from the last to the first.
        """
        super().__init__(segments * width, segments * hidden)
        self.register_buffer("mask", direction_mask(segments, width, hidden, reverse), persistent=False)

    def masked(self) -> Parts:
        """U, V and G with unseen segments at zero, each (segments * hidden, segments * width)."""
        return self.u * self.mask, self.v * self.mask, self.g * self.mask

    def read(self, x: Tensor) -> Parts:
        """U x, V x and G x of (batch, segments * width), each (batch, segments * hidden)."""
        u, v, g = (F.linear(x, weight) for weight in self.masked())
        return u, v, g


def direction_mask(segments: int, width: int, hidden: int, reverse: bool) -> Tensor:
    """1 where a unit may see a number: (segments * hidden, segments * width)."""
    seen = torch.ones(segments, segments).tril()  # (unit's segment, number's segment)
    if reverse:
        seen = seen.T
    return seen.repeat_interleave(hidden, dim=0).repeat_interleave(width, dim=1)


class VectorNetwork(nn.Module):
    """The encoder: from vectors of a teacher to embeddings."""

    def __init__(self, width: int, config: EncoderConfig) -> None:
        """Make an encoder whose linear skip is still random: see `closed_form.start`.

        Raises:
            UsageError: the width does not divide by the number of segments.
        """
        super().__init__()
        if config.directions != "none" and width % config.segments:
            raise UsageError(
                f"vectors of width {width} do not divide into {config.segments} equal segments; "
                "choose another --segments"
            )
        self.width, self.config = width, config
        self.skip = LinearSkip(width, config.dim)
        widths = [width // config.segments] + [config.hidden] * (config.layers - 1)

        def make_block(number: int, reverse: bool) -> SegmentBlock:
            """A block by its number, counted from 0, and whether it reads from the end."""
            return SegmentBlock(config.segments, widths[number], config.hidden, reverse)

        self.directions = both_directions(make_block, config.layers, config.directions)
        units = len(self.directions) * config.segments * config.hidden
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
