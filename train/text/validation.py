"""How a run on text is judged while it trains: figures on held-out texts, next to those of the mean of its table."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from linguagen.models.manifests.text import TextFigure
from linguagen.runtime.measure.fidelity import NEIGHBOURS, nearest_neighbours, recall_per_row
from linguagen.runtime.measure.scores import cosines, found_first, spearman
from linguagen.runtime.vectors import Array
from linguagen.train.run.watch import Validation
from linguagen.train.text.data import Rows, TokenLists
from linguagen.train.text.network import TextNetwork
from linguagen.train.text.prepare import TextData

_CHUNK, _CHUNK_TOKENS = 512, 1 << 16
"""The most texts that are encoded at a time, and the most tokens, padding included."""
_CPU = torch.device("cpu")
Encode = Callable[[Tensor], Tensor]
"""From tokens (batch, length) to embeddings (batch, dim)."""


@dataclass(frozen=True, eq=False)
class TextValidator:
    """The held-out texts and pairs of a run."""

    data: TextData
    device: torch.device = _CPU

    def measure(self, network: TextNetwork) -> tuple[TextFigure, ...]:
        """Every figure that the data allows, for the encoder and for the mean of its table."""
        network.eval()
        ours, tables = self._figures(network), self._figures(network.mean_of_table)
        network.train()
        return tuple(TextFigure(name, ours[name], tables[name]) for name in ours)

    def validate(self, network: TextNetwork) -> Validation[tuple[TextFigure, ...]]:
        """The figures, for the loop of training; the last weights are kept, so that no score chooses."""
        figures = self.measure(network)
        ours = {f"{figure.name}/encoder": figure.encoder for figure in figures}
        tables = {f"{figure.name}/mean of table": figure.mean_of_table for figure in figures}
        return Validation(figures, {**ours, **tables})

    def _figures(self, encode: Encode) -> dict[str, float]:
        """Every figure that the data allows, by name."""
        data, held_out, figures = self.data, self.data.split.held_out, {}
        if data.scored is not None:
            first, second = (
                encoded(encode, each, device=self.device) for each in (data.scored.first, data.scored.second)
            )
            figures["spearman of scored pairs"] = spearman(cosines(first, second), data.scored.scores)
        if data.targets is not None:
            targets = data.targets[torch.from_numpy(held_out)].float().numpy()  # (texts, dim)
            expected = nearest_neighbours(targets, NEIGHBOURS)
            actual = nearest_neighbours(encoded(encode, data.tokens, held_out, self.device), NEIGHBOURS)
            figures[f"recall@{NEIGHBOURS} of the teacher's neighbours"] = float(recall_per_row(expected, actual).mean())
        if data.pairs is not None:
            sides = [encoded(encode, each, data.pair_split.held_out, self.device) for each in data.pairs]
            figures["recall@1 of pairs"] = found_first(*sides)
        if data.misspells:
            sides = [encoded(encode, data.tokens, held_out + n, self.device) for n in (len(data.texts), 0)]
            figures["recall@1 of misspelt texts"] = found_first(*sides)
        if (data.tokens.lengths[held_out] > 1).any():
            figures["recall@1 of halves"] = found_first(*(self._halves(encode, half) for half in (0, 1)))
        return figures

    def _halves(self, encode: Encode, half: int) -> Array:
        """Embeddings (texts, dim) of every other token of the held-out texts that have two or more; half is 0 or 1."""
        tokens, rows = self.data.tokens, self.data.split.held_out
        parts = [tokens.tokens_of(row)[half::2] for row in rows if tokens.lengths[row] > 1]
        return encoded(encode, TokenLists(parts, max(map(len, parts))), device=self.device)


def encoded(encode: Encode, tokens: TokenLists, rows: Rows | None = None, device: torch.device = _CPU) -> Array:
    """Embeddings (rows, dim) of texts by number (rows,), in chunks of similar length, to compute little padding."""
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
