"""How a run on text is judged while it trains: figures on held-out texts, beside the mean of its own table."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from linguagen.models.manifests.text import TextFigure
from linguagen.runtime.measure.fidelity import NEIGHBOURS, nearest_neighbours, recall_per_row
from linguagen.runtime.measure.scores import cosines, found_first, spearman
from linguagen.runtime.vectors import Array
from linguagen.train.text.data import Rows, TokenLists
from linguagen.train.text.network import TextNetwork
from linguagen.train.text.prepare import TextData

_CHUNK, _CHUNK_TOKENS = 512, 1 << 16
"""Texts that are encoded at a time, and tokens of them, padding counted."""
_CPU = torch.device("cpu")
Encode = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class TextValidator:
    """Held-out data."""

    data: TextData
    device: torch.device = _CPU

    def measure(self, encoder: TextNetwork) -> tuple[TextFigure, ...]:
        """Every figure that the data allows, of the encoder and of the mean of its table."""
        encoder.eval()
        ours, tables = self._figures(encoder), self._figures(encoder.mean_of_table)
        encoder.train()
        return tuple(TextFigure(name, ours[name], tables[name]) for name in ours)

    def _figures(self, encode: Encode) -> dict[str, float]:
        data, figures = self.data, {}
        if data.scored is not None:
            first, second = (
                encoded(encode, each, device=self.device) for each in (data.scored.first, data.scored.second)
            )
            figures["spearman of scored pairs"] = spearman(cosines(first, second), data.scored.scores)
        if data.targets is not None:
            wanted = data.targets[torch.from_numpy(data.held_out)].float().numpy()
            exact = nearest_neighbours(wanted, NEIGHBOURS)
            given = nearest_neighbours(encoded(encode, data.tokens, data.held_out, self.device), NEIGHBOURS)
            figures[f"recall@{NEIGHBOURS} of the teacher's neighbours"] = float(recall_per_row(exact, given).mean())
        if data.pairs is not None:
            sides = [encoded(encode, each, data.held_out_pairs, self.device) for each in data.pairs]
            figures["recall@1 of pairs"] = found_first(*sides)
        if data.misspells:
            sides = [encoded(encode, data.tokens, data.held_out + n, self.device) for n in (len(data.texts), 0)]
            figures["recall@1 of misspelt texts"] = found_first(*sides)
        if (data.tokens.lengths[data.held_out] > 1).any():
            figures["recall@1 of halves"] = found_first(*(self._halves(encode, half) for half in (0, 1)))
        return figures

    def _halves(self, encode: Encode, half: int) -> Array:
        """Embeddings of every other token of the held-out texts that have two or more."""
        tokens, rows = self.data.tokens, self.data.held_out
        parts = [tokens.tokens_of(row)[half::2] for row in rows if tokens.lengths[row] > 1]
        return encoded(encode, TokenLists(parts, max(map(len, parts))), device=self.device)


def encoded(encode: Encode, tokens: TokenLists, rows: Rows | None = None, device: torch.device = _CPU) -> Array:
    """Embeddings (rows, dim) of texts by number, in chunks of like length, so that little padding is computed."""
    numbers = np.arange(len(tokens)) if rows is None else rows
    order = np.argsort(tokens.lengths[numbers], kind="stable")
    parts, start = [], 0
    with torch.no_grad():
        while start < len(numbers):
            longest = tokens.lengths[numbers[order[start : start + _CHUNK]]].max()
            end = start + max(1, min(_CHUNK, _CHUNK_TOKENS // longest))
            parts.append(encode(tokens.batch(numbers[order[start:end]]).to(device)).cpu().numpy())
            start = end
    embeddings = np.concatenate(parts)
    back = np.empty_like(embeddings)
    back[order] = embeddings
    return back
