"""Loss terms that several kinds of encoder train on."""

import torch
from torch import Tensor
from torch.nn import functional as F


def neighbourhood(target: Tensor, actual: Tensor, temperature: float) -> Tensor:
    """KL divergence between softmax(target / t) and softmax(actual / t), row by row, each row itself masked.

    As in stochastic neighbour embedding (Hinton and Roweis, 2002, section 2), with cosines instead of distances.

    Args:
        target: cosines (batch, batch) whose neighbours are to be kept.
        actual: cosines (batch, batch) of the embeddings.
        temperature: t, in units of cosine.
    """
    itself = torch.eye(len(target), dtype=torch.bool, device=target.device)  # (batch, batch)
    expected = (target / temperature).masked_fill(itself, -1e4).log_softmax(dim=1)
    found = (actual / temperature).masked_fill(itself, -1e4).log_softmax(dim=1)
    return F.kl_div(found, expected, reduction="batchmean", log_target=True)
