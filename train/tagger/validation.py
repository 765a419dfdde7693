"""How a tagger is judged: on sentences held out, next to the most frequent label of each word and a CRF."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from linguagen.models.manifests.tagger import TaggerFigure, TaggerManifest
from linguagen.runtime.measure.labelled import accuracy, entity_f1, label_f1
from linguagen.runtime.text.labels import LabelChain
from linguagen.runtime.text.word_features import WordReader
from linguagen.train.run.watch import Validation
from linguagen.train.tagger.controls import crf, most_frequent
from linguagen.train.tagger.network import TaggerNetwork
from linguagen.train.tagger.prepare import WINDOW, TaggerData

_CHUNK = 64
"""Sentences that are labelled at a time."""
Figures = tuple[TaggerFigure, ...]


def figures_of(labels: Sequence[Sequence[str]], expected: Sequence[Sequence[str]], scheme: str) -> dict[str, float]:
    """Figures of labels by name; the first is what a run and an export are judged by."""
    if scheme == "bio":
        scores = entity_f1(labels, expected)
        return {"entity F1": scores.pop(""), **{f"F1 of {kind}": score for kind, score in scores.items()}}
    scores = label_f1(labels, expected)
    scores.pop("")
    return {"accuracy": accuracy(labels, expected), **{f"F1 of {label}": score for label, score in scores.items()}}


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
            rows = np.zeros((len(chosen), max(lengths), manifest.features.columns), np.int64)
            for place, number in zip(rows, chosen, strict=True):
                place[: len(sentences[number])] = reader.rows(sentences[number])
            scores = network(torch.from_numpy(rows).to(device)).cpu().numpy()
            for number, each in zip(chosen, chain.decode(scores, lengths), strict=True):
                found[number] = each.labels
    return [found[number] for number in range(len(sentences))]


class TaggerValidator:
    """The held-out sentences of a run."""

    def __init__(self, data: TaggerData) -> None:
        """Measure the most frequent label, which does not change while a run trains."""
        self._data = data
        self._expected = [sentence.labels for sentence in data.held_out]
        self._control = figures_of(most_frequent(data.training, data.held_out), self._expected, data.scheme)

    def validate(self, network: TaggerNetwork, transitions: Tensor | None) -> Validation[Figures]:
        """The figures, for the loop of training; the last weights are kept, so that no score chooses."""
        data = self._data
        network.eval()
        manifest = bare_manifest(network, data.labels, data.scheme, transitions)
        labels = labels_of(network, data.reader, manifest, [sentence.words for sentence in data.held_out])
        network.train()
        ours = figures_of(labels, self._expected, data.scheme)
        figures = tuple(TaggerFigure(name, score, self._control.get(name, 0.0)) for name, score in ours.items())
        return Validation(figures, {f"{name}/tagger": score for name, score in ours.items()})

    def with_crf(self, figures: Figures) -> Figures:
        """Figures with those of a CRF, trained on the same sentences; as they are if python-crfsuite is missing."""
        labels = crf(self._data.training, self._data.held_out)
        if labels is None:
            return figures
        scores = figures_of(labels, self._expected, self._data.scheme)
        return tuple(
            TaggerFigure(each.name, each.tagger, each.most_frequent, scores.get(each.name, 0.0)) for each in figures
        )
