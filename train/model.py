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
from linguagen.train.config import EncoderConfig


class BilinearGLUBlock(nn.Module):
    """Low-rank bilinear units with a gate: (U x) * (V x) * sigmoid(G x), masked to one direction.

    Bilinear layers are those of "Bilinear MLPs" (arXiv 2410.08417, section 2); the gate follows "GLU Variants Improve
    Transformer" (arXiv 2002.05202, section 2). A unit at segment i sees segments 1..i, or i..S when reversed.
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
        super().__init__()
        # On unit-norm input these make U x and V x about 0.3 in size; larger starts measured worse.
        self.u = nn.Parameter(torch.randn(segments * hidden, segments * width) * 0.3)
        self.v = nn.Parameter(torch.randn(segments * hidden, segments * width) * 0.3)
        self.g = nn.Parameter(torch.randn(segments * hidden, segments * width) * 0.1)
        self.register_buffer("mask", direction_mask(segments, width, hidden, reverse), persistent=False)

    def masked(self) -> tuple[Tensor, Tensor, Tensor]:
        """U, V and G with unseen segments at zero, each (segments * hidden, segments * width)."""
        return self.u * self.mask, self.v * self.mask, self.g * self.mask

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, segments * width) to (batch, segments * hidden)."""
        u, v, g = (F.linear(x, weight) for weight in self.masked())
        return u * v * torch.sigmoid(g)


def direction_mask(segments: int, width: int, hidden: int, reverse: bool) -> Tensor:
    """1 where a unit may see a number: (segments * hidden, segments * width)."""
    seen = torch.ones(segments, segments).tril()  # (unit's segment, number's segment)
    if reverse:
        seen = seen.T
    return seen.repeat_interleave(hidden, dim=0).repeat_interleave(width, dim=1)


class ForwardEncoder(nn.Module):
    """Bilinear GLU blocks over the segments in their natural order; blocks after the first add to what they read."""

    reverse = False

    def __init__(self, segments: int, width: int, hidden: int, layers: int) -> None:
        """Stack `layers` blocks; the arguments are BilinearGLUBlock's."""
        super().__init__()
        widths = [width] + [hidden] * (layers - 1)
        self.blocks = nn.ModuleList(BilinearGLUBlock(segments, each, hidden, self.reverse) for each in widths)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, segments * width) to (batch, segments * hidden)."""
        first, *rest = self.blocks
        h: Tensor = first(x)
        for block in rest:
            h = h + block(h)
        return h

    def layer(self, number: int) -> BilinearGLUBlock:
        """A block by its number, from 0."""
        block = self.blocks[number]
        assert isinstance(block, BilinearGLUBlock)
        return block


class BackwardEncoder(ForwardEncoder):
    """The same from the last segment to the first: order is reversed inside a vector, never inside the batch."""

    reverse = True


class LinearSkip(nn.Linear):
    """P: the linear map that carries most of the neighbourhood; set in closed form before training."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__(width, dim, bias=False)


class ProjectionHead(nn.Linear):
    """From both directions' units to the embedding; starts at zero."""

    def __init__(self, units: int, dim: int) -> None:
        super().__init__(units, dim, bias=False)
        nn.init.zeros_(self.weight)


class VectorEncoder(nn.Module):
    """Vectors of a teacher to embeddings."""

    def __init__(self, width: int, config: EncoderConfig) -> None:
        """Make an encoder whose linear skip is still random: see `closed_form.start`.

        Raises:
            UsageError: the width does not divide into so many segments.
        """
        super().__init__()
        if config.directions != "none" and width % config.segments:
            raise UsageError(
                f"vectors of width {width} do not divide into {config.segments} equal segments; "
                "choose another --segments"
            )
        self.width, self.config = width, config
        self.skip = LinearSkip(width, config.dim)
        shape = (config.segments, width // config.segments, config.hidden, config.layers)
        self.directions = nn.ModuleList(
            kind(*shape)
            for name, kind in (("forward", ForwardEncoder), ("backward", BackwardEncoder))
            if config.directions in (name, "both")
        )
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

    def __init__(self, encoder: VectorEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = nn.Linear(encoder.config.dim, encoder.width, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (batch, dim) and reconstructions (batch, width), which are not of unit length."""
        z = self.encoder(x)
        return z, self.decoder(z)
