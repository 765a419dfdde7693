"""The most probable labels of sentences, and probabilities, in a linear chain of labels.

The probability of a sequence of labels is exp of the sum of its scores and transitions, divided by the same sum over
all sequences (Lafferty, McCallum and Pereira, "Conditional random fields", 2001). The best one is found by Viterbi's
algorithm, probabilities by the forward and backward algorithms, all sentences of a batch at a time.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_LEAST_LOG = -50.0
"""Logarithm of the smallest factor in probabilities, next to the largest, so that no sum of them is zero."""

Doubles = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.intp]


class Chances(NamedTuple):
    """Probabilities of labels in a batch, each (sentences, words, labels); what lies behind an end means nothing."""

    forward: Doubles
    """The probability of a label, given the scores of the sentence up to this word."""
    scaled: Doubles
    """A word's factors of its labels, divided by their mean under what came before."""
    backward: Doubles
    """What the scores after this word multiply the probability of a label with; 1 at the last word."""


def best_labels(scores: Doubles, ends: Numbers, logs: Doubles) -> Numbers:
    """The labels (sentences, words) of the most probable sequences; behind an end stands the last label again.

    Args:
        scores: (sentences, words, labels).
        ends: words in each sentence (sentences,).
        logs: what a label adds to the next one's score (labels + 1, labels), the first row for the start of a
            sentence; minus infinity where no label may follow.
    """
    sentences, words, size = scores.shape
    total = logs[0] + scores[:, 0]  # (sentences, labels)
    origins = np.empty((words, sentences, size), np.intp)
    for word in range(1, words):
        paths = total[:, :, None] + logs[1:]  # (sentences, labels before, labels)
        chosen = paths.argmax(axis=1)
        reached = np.take_along_axis(paths, chosen[:, None], axis=1)[:, 0] + scores[:, word]
        inside = (word < ends)[:, None]
        total = np.where(inside, reached, total)
        origins[word] = np.where(inside, chosen, np.arange(size))
    best = np.empty((sentences, words), np.intp)
    best[:, -1] = total.argmax(axis=1)
    for word in range(words - 1, 0, -1):
        best[:, word - 1] = origins[word, np.arange(sentences), best[:, word]]
    return best


def chances(scores: Doubles, ends: Numbers, factors: Doubles) -> Chances:
    """Run the forward and backward algorithms.

    Args:
        scores: (sentences, words, labels).
        ends: words in each sentence (sentences,).
        factors: exp of what a label adds to the next one's score, as `step_factors` gives it.
    """
    scaled = np.exp((scores - scores.max(axis=2, keepdims=True)).clip(_LEAST_LOG))
    forward, backward = np.empty_like(scaled), np.ones_like(scaled)
    words = scores.shape[1]
    for word in range(words):
        before = factors[0] if word == 0 else _times(forward[:, word - 1], factors[1:])
        sums = (before * scaled[:, word]).sum(axis=1, keepdims=True)
        scaled[:, word] /= sums
        forward[:, word] = before * scaled[:, word]
    for word in range(words - 2, -1, -1):
        onward = _times(scaled[:, word + 1] * backward[:, word + 1], factors[1:].T)
        backward[:, word] = np.where((word + 1 < ends)[:, None], onward, 1)
    return Chances(forward, scaled, backward)


def step_factors(logs: Doubles) -> Doubles:
    """The factors (labels + 1, labels) of the logarithms that `best_labels` takes; 0 where no label may follow.

    Each row of sentences is divided by its sum anyway, so that the largest factor can be 1.
    """
    return np.where(np.isfinite(logs), np.exp((logs - logs.max()).clip(_LEAST_LOG)), 0)


def _times(rows: Doubles, matrix: Doubles) -> Doubles:
    """The product (sentences, labels) of rows and a square matrix, summed in one order whatever the batch."""
    return np.asarray((rows[:, :, None] * matrix).sum(axis=1))
