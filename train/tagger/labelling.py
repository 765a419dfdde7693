"""What a network in PyTorch makes of sentences: labels, decoded as the runtime decodes them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from linguagen.models.manifests.tagger import TaggerManifest
from linguagen.runtime.text.labels import LabelChain
from linguagen.runtime.text.word_features import WordReader, pad_rows
from linguagen.train.tagger.network import WINDOW, TaggerNetwork

_CHUNK = 64
"""Sentences that are labelled at a time."""


def transition_rows(transitions: Tensor | None) -> tuple[tuple[float, ...], ...]:
    """Transitions (labels + 1, labels) as a manifest holds them; empty if there are none."""
    return () if transitions is None else tuple(map(tuple, transitions.detach().double().tolist()))


def bare_manifest(network: TaggerNetwork, labels: tuple[str, ...], scheme: str, rows: Tensor | None) -> TaggerManifest:
    """A manifest with what decoding needs, and no more; `rows` (labels + 1, labels) are the transitions."""
    return TaggerManifest(
        name="",
        teacher="",
        output_dim=len(labels),
        precision="float32",
        labels=labels,
        scheme=scheme,
        features=network.table.features,
        transitions=transition_rows(rows),
        window=WINDOW,
        overlap=network.reach,
    )


def labels_of(
    network: TaggerNetwork, reader: WordReader, manifest: TaggerManifest, sentences: Sequence[Sequence[str]]
) -> list[list[str]]:
    """The labels of sentences, each a list of words, from the network in PyTorch."""
    chain, device = LabelChain(manifest), next(network.parameters()).device
    found: dict[int, list[str]] = {}
    order = sorted(range(len(sentences)), key=lambda number: len(sentences[number]))
    with torch.no_grad():
        for start in range(0, len(order), _CHUNK):
            chosen = order[start : start + _CHUNK]
            lengths = [len(sentences[number]) for number in chosen]
            rows = pad_rows([reader.rows(sentences[number]) for number in chosen])
            scores = network(torch.from_numpy(rows).long().to(device)).cpu().numpy()
            for number, each in zip(chosen, chain.decode(scores, lengths), strict=True):
                found[number] = each.labels
    return [found[number] for number in range(len(sentences))]
