"""From the scores of labels to the labels of words, and the groups of words that they name."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linguagen.models.manifests.tagger import OUTSIDE, TaggerManifest
from linguagen.runtime.text.chain import Chances, Doubles, Numbers, best_labels, chances, step_factors

_NONE = -1

Entity = tuple[int, int, str]
"""An entity: its first word, the word after its last, and its kind."""


class Group(NamedTuple):
    """Words of a sentence that share a label, from word `first` to the one before `end`."""

    first: int
    end: int
    label: str
    score: float
    """The probability that exactly these words have this label."""


class Labelled(NamedTuple):
    """What was found in a sentence."""

    labels: list[str]
    """The label of each word, with the B- and I- of the scheme `bio`."""
    groups: list[Group]
    """A group for each word, or with the scheme `bio` for each entity."""


class LabelChain:
    """Finds the most probable labels of sentences, of all that the tagger's scheme allows."""

    def __init__(self, manifest: TaggerManifest) -> None:
        """Take labels, scheme and transitions from a tagger's manifest."""
        self.labels, self._bio = manifest.labels, manifest.scheme == "bio"
        size = len(self.labels)
        learnt = np.array(manifest.transitions or np.zeros((size + 1, size)), np.float64)
        self._logs = np.where(allowed_steps(self.labels), learnt, -np.inf) if self._bio else learnt
        self._factors = step_factors(self._logs)
        inner = [f"I-{label[2:]}" if self._bio and label != OUTSIDE else "" for label in self.labels]
        numbers = {label: number for number, label in enumerate(self.labels)}
        self._onward = np.array([numbers.get(label, _NONE) for label in inner])  # (labels,), what continues a group

    def decode(self, scores: npt.NDArray[np.float32], lengths: Sequence[int]) -> list[Labelled]:
        """Label the sentences of a batch, each by itself.

        Args:
            scores: (sentences, words of the longest, labels), as the graph gives them.
            lengths: words in each sentence, 1 or more.
        """
        doubles, ends = scores.astype(np.float64), np.array(lengths)
        best = best_labels(doubles, ends, self._logs)  # (sentences, words)
        parts = self._parts(chances(doubles, ends, self._factors), ends, best)
        return [
            self._labelled(best[row, :length].tolist(), [each[row, :length].tolist() for each in parts])
            for row, length in enumerate(lengths)
        ]

    def _parts(self, found: Chances, ends: Numbers, best: Numbers) -> tuple[Doubles, Doubles, Doubles]:
        """The three factors (sentences, words) of the probability of a group of words with the labels `best`.

        The first word gives the probability of its label by what came before, each further word that of its label
        after the one before, the last word what follows it without a continuation of the group.
        """
        starts, links, closes = (
            np.take_along_axis(each, best[:, :, None], axis=2)[:, :, 0]
            for each in (found.forward, found.scaled, found.backward)
        )
        links[:, 1:] *= self._factors[1 + best[:, :-1], best[:, 1:]]
        onward = self._onward[best[:, :-1]]  # (sentences, words - 1)
        goes_on = (onward != _NONE) & (np.arange(1, best.shape[1]) < ends[:, None])
        row, word = np.nonzero(goes_on)
        label = onward[row, word]
        after = found.scaled[row, word + 1, label] * found.backward[row, word + 1, label]
        closes[row, word] -= self._factors[1 + best[row, word], label] * after
        return starts, links, closes

    def _labelled(self, best: list[int], parts: list[list[float]]) -> Labelled:
        """Group the words of one sentence; each part has one number for each word."""
        labels = [self.labels[number] for number in best]
        if not self._bio:
            probabilities = [start * close for start, _, close in zip(*parts, strict=True)]
            return Labelled(labels, [Group(n, n + 1, labels[n], each) for n, each in enumerate(probabilities)])
        starts, links, closes = parts
        groups: list[Group] = []
        for first, end, kind in entities_of(labels):
            score = starts[first] * closes[end - 1] * float(np.prod(links[first + 1 : end]))
            groups.append(Group(first, end, kind, min(1.0, max(0.0, score))))
        return Labelled(labels, groups)


def allowed_steps(labels: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which label may follow which (labels + 1, labels), the first row for the start of a sentence.

    I-X follows B-X or I-X only; every other label may follow any.
    """
    steps = [
        [not label.startswith("I-") or (before != OUTSIDE and before[2:] == label[2:]) for label in labels]
        for before in (OUTSIDE, *labels)
    ]
    return np.array(steps)


def entities_of(labels: Sequence[str]) -> list[Entity]:
    """The entities that labels of the scheme BIO name, as the script conlleval of CoNLL-2000 reads them.

    An I- label that continues nothing begins an entity.
    """
    found: list[Entity] = []
    before = OUTSIDE
    for number, label in enumerate(labels):
        if label != OUTSIDE:
            first = label.startswith("B-") or before == OUTSIDE or before[2:] != label[2:]
            start = number if first else found.pop()[0]
            found.append((start, number + 1, label[2:]))
        before = label
    return found
