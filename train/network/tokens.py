"""Blocks that read the tokens of a text or the words of a sentence, one direction at a time.

A unit multiplies what a token says by what stands before it, or after it, so that order counts. What stands before is a
sum that fades with distance: no attention, no recurrence, and work that grows linearly.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from linguagen.train.network.blocks import BilinearGLUBlock, Parts

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
