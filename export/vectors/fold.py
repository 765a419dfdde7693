"""Fold an encoder into plain matrices: masks into weights, and all that is linear in x into one product."""

from dataclasses import dataclass

import numpy as np
import torch

from linguagen.runtime.vectors import Array
from linguagen.train.vectors.network import SegmentBlock, VectorNetwork


@dataclass(frozen=True, eq=False)
class FoldedEncoder:
    """The same function as the encoder it came from, as matrices that multiply rows from the right."""

    linear: Array
    """(width, dim + 3 * units): the skip beside U, V and G of every first block, both directions."""
    deeper: tuple[Array, ...]
    """(units, 3 * units) each: U, V and G of the blocks after the first, the directions on a block diagonal."""
    head: Array
    """(units, dim); no units where the encoder has no directions."""

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self.linear.shape[0])

    @property
    def units(self) -> int:
        """Bilinear units of both directions."""
        return int(self.head.shape[0])

    @property
    def dim(self) -> int:
        """Dimensions of an embedding."""
        return int(self.head.shape[1])


def fold(encoder: VectorNetwork) -> FoldedEncoder:
    """Fold an encoder; its weights are copied."""
    with torch.no_grad():
        stacks = [[block for block in each.modules() if isinstance(block, SegmentBlock)] for each in encoder.directions]
        layers = [[block.masked() for block in layer] for layer in zip(*stacks, strict=True)]
        # parts: one of U, V, G in every direction, (units of a direction, what it reads)
        first = [torch.cat(parts) for parts in zip(*layers[0], strict=True)] if layers else []
        deeper = [torch.cat([_block_diagonal(parts) for parts in zip(*blocks, strict=True)]) for blocks in layers[1:]]
        linear = torch.cat([encoder.skip.weight, *first])
        head = encoder.head.weight if encoder.head is not None else torch.empty(encoder.config.dim, 0)
        return FoldedEncoder(_rows(linear), tuple(map(_rows, deeper)), _rows(head))


def _rows(weight: torch.Tensor) -> Array:
    """A torch weight (outputs, inputs) as (inputs, outputs)."""
    return np.ascontiguousarray(weight.T.numpy(), dtype=np.float32)


def _block_diagonal(parts: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return torch.block_diag(*parts)  # type: ignore[no-any-return, no-untyped-call]
