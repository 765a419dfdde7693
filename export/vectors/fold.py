"""Fold an encoder into plain matrices: masks go into weights, and all products with the input become one."""

from dataclasses import dataclass

import numpy as np
import torch

from linguagen.runtime.vectors import Array
from linguagen.train.vectors.network import SegmentBlock, VectorNetwork


@dataclass(frozen=True, eq=False)
class FoldedEncoder:
    """An encoder of vectors as matrices that multiply rows from the right."""

    linear: Array
    """(width, dim + 3 * units): the skip, then U, V and G of the first blocks, each of both directions."""
    deeper: tuple[Array, ...]
    """(units, 3 * units) each: U, V and G of the blocks after the first, block diagonal over the directions."""
    head: Array
    """(units, dim); (0, dim) for an encoder without directions."""

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self.linear.shape[0])

    @property
    def units(self) -> int:
        """Number of bilinear units, of both directions together."""
        return int(self.head.shape[0])

    @property
    def dim(self) -> int:
        """Dimensions of an embedding."""
        return int(self.head.shape[1])


def fold(encoder: VectorNetwork) -> FoldedEncoder:
    """Fold an encoder of vectors; its weights are copied."""
    with torch.no_grad():
        stacks = [[block for block in each.modules() if isinstance(block, SegmentBlock)] for each in encoder.directions]
        layers = [[block.masked() for block in layer] for layer in zip(*stacks, strict=True)]
        # parts: U, V or G of every direction, each (units of a direction, inputs)
        first = [torch.cat(parts) for parts in zip(*layers[0], strict=True)] if layers else []
        deeper = [torch.cat([_block_diagonal(parts) for parts in zip(*blocks, strict=True)]) for blocks in layers[1:]]
        linear = torch.cat([encoder.skip.weight, *first])
        head = encoder.head.weight if encoder.head is not None else torch.empty(encoder.config.dim, 0)
        return FoldedEncoder(_rows(linear), tuple(map(_rows, deeper)), _rows(head))


def _rows(weight: torch.Tensor) -> Array:
    """A torch weight (outputs, inputs) as (inputs, outputs)."""
    return np.ascontiguousarray(weight.T.numpy(), dtype=np.float32)


def _block_diagonal(parts: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Matrices (outputs, inputs) on the diagonal of one."""
    return torch.block_diag(*parts)  # type: ignore[no-any-return, no-untyped-call]
