"""The export gate of taggers."""

from pathlib import Path

import numpy as np
import torch

from linguagen.export.gate import MOST_DIFFERENCE, must_run, require
from linguagen.models.manifests.tagger import TaggerManifest
from linguagen.runtime.encoders.tagger import Tagger
from linguagen.runtime.measure.labelled import accuracy, figures_of
from linguagen.train.tagger.finished import FinishedTaggerRun
from linguagen.train.tagger.labelling import labels_of

MOST_LOST = {"float32": 0.0005, "float16": 0.002, "int8": 0.005}
"""How much of its accuracy or F1 a file may lose, by precision."""
LEAST_SAME = {"float32": 0.9995, "float16": 0.999, "int8": 0.98}
"""Share of words that must have the label that PyTorch gives them, by precision."""
_ALONE = 20
"""Sentences that are also labelled one by one."""
_TOLERANCE = 5
"""Scores are not of unit size, as embeddings are: how much more they may differ."""


def verify(path: Path, run: FinishedTaggerRun, manifest: TaggerManifest) -> dict[str, float]:
    """Compare the file of a tagger with the network in PyTorch, on the run's samples.

    Loading checks names and shapes; then come scores, independence of the batch and of padding, labels, and what the
    labels are worth.

    Args:
        path: the file.
        run: the finished run that it is made from.
        manifest: the file's.

    Returns:
        What was measured, for the manifest.

    Raises:
        ExportGateError: a check fails.
    """
    words, precision = [list(sample.words) for sample in run.samples], manifest.precision
    with must_run("file"):
        tagger = Tagger.load(path, device="cpu")
        actual = tagger.tag_words(words)
        alone = [tagger.tag_words([each])[0] for each in words[:_ALONE]]
    require(alone == actual[: len(alone)], "a sentence alone and in a batch has different labels")
    difference = _difference(tagger, run)
    require(
        precision == "int8" or difference <= _TOLERANCE * MOST_DIFFERENCE[precision],
        f"{precision} scores differ from PyTorch's by up to {difference:.2e}",
    )
    expected = labels_of(run.network, run.reader, manifest, words)
    same = accuracy(actual, expected)
    require(
        same >= LEAST_SAME[precision],
        f"{same:.4f} of the words have the label that PyTorch gives them, expected at least {LEAST_SAME[precision]}; "
        "export with --quantize none",
    )
    gold = [sample.labels for sample in run.samples]
    (name, ours), (_, theirs) = (next(iter(figures_of(each, gold, run.scheme).items())) for each in (actual, expected))
    require(
        ours >= theirs - MOST_LOST[precision],
        f"{name} is {ours:.4f}, PyTorch's {theirs:.4f}; allowed are {MOST_LOST[precision]} less; "
        "export with --quantize none",
    )
    return {"largest_difference": difference, "same_labels": same, name: ours, "sentences": len(words)}


def _difference(tagger: Tagger, run: FinishedTaggerRun) -> float:
    """The largest difference between scores of the file and PyTorch's, relative to the largest score."""
    largest = 0.0
    for sample in run.samples[:_ALONE]:
        rows = run.reader.rows(sample.words[: tagger.manifest.window])[None]
        with torch.no_grad():
            expected = run.network(torch.tensor(rows, dtype=torch.long)).numpy()  # (1, words, labels)
        actual = tagger.scores_of(rows)
        largest = max(largest, float(np.abs(actual - expected).max() / np.abs(expected).max()))
    return largest
