"""What encoders are made of: bilinear units with a gate, read in two directions, and the linear maps around them.

The vector network (`train/vectors/network.py`) reads the segments of one vector, the text network
(`train/text/network.py`) the tokens of one text. They differ in how far a unit sees, which is each block's `read`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

Parts = tuple[Tensor, Tensor, Tensor]
"""U x, V x and G x of a block."""


class BilinearGLUBlock(nn.Module, ABC):
    """Low-rank bilinear units with a gate: (U x) * (V x) * sigmoid(G x), reading in one direction.

    Bilinear layers are those of "Bilinear MLPs" (arXiv 2410.08417, section 2); the gate follows "GLU Variants Improve
    Transformer" (arXiv 2002.05202, section 2).
    """

    def __init__(self, inputs: int, units: int) -> None:
        """Make the weights, each (units, inputs)."""
        super().__init__()
        # On unit-norm input these make U x and V x about 0.3 in size; larger starts measured worse.
        self.u = nn.Parameter(torch.randn(units, inputs) * 0.3)
        self.v = nn.Parameter(torch.randn(units, inputs) * 0.3)
        self.g = nn.Parameter(torch.randn(units, inputs) * 0.1)

    @abstractmethod
    def read(self, x: Tensor) -> Parts:
        """What the units see of x (..., inputs), each (..., units)."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., units)."""
        u, v, g = self.read(x)
        return u * v * torch.sigmoid(g)


class ForwardEncoder(nn.Module):
    """Blocks that read in the natural order; blocks after the first add to what they read."""

    reverse = False

    def __init__(self, make_block: Callable[[int, bool], BilinearGLUBlock], layers: int) -> None:
        """Stack blocks.

        Args:
            make_block: makes a block from its number, counted from 0, and whether it reads from the end.
            layers: number of blocks.
        """
        super().__init__()
        self.blocks = nn.ModuleList(make_block(number, self.reverse) for number in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., units)."""
        first, *rest = self.blocks
        h: Tensor = first(x)
        for block in rest:
            h = h + block(h)
        return h


class BackwardEncoder(ForwardEncoder):
    """Blocks that read from the end to the start of a vector or text; the order of a batch is never reversed."""

    reverse = True


def both_directions(make_block: Callable[[int, bool], BilinearGLUBlock], layers: int, directions: str) -> nn.ModuleList:
    """The encoders for `both`, `forward`, `backward` or `none`; a network concatenates their outputs."""
    return nn.ModuleList(
        kind(make_block, layers)
        for name, kind in (("forward", ForwardEncoder), ("backward", BackwardEncoder))
        if directions in (name, "both")
    )


class LinearSkip(nn.Linear):
    """P: the linear map that keeps most of the neighbourhood; set in closed form before training."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__(width, dim, bias=False)


class ProjectionHead(nn.Linear):
    """The map from the units of both directions to the embedding; starts at zero."""

    def __init__(self, units: int, dim: int) -> None:
        super().__init__(units, dim, bias=False)
        nn.init.zeros_(self.weight)
