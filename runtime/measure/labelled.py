"""How well labels of words agree with those that people gave: accuracy, and F1 of labels and of whole entities."""

from collections import Counter
from collections.abc import Sequence

from linguagen.runtime.text.labels import entities_of

Labels = Sequence[str]
"""The labels of one sentence."""


def accuracy(actual: Sequence[Labels], expected: Sequence[Labels]) -> float:
    """Share of words whose label is the expected one; 0 if there are no words."""
    pairs = [pair for found, gold in zip(actual, expected, strict=True) for pair in zip(found, gold, strict=True)]
    return sum(found == gold for found, gold in pairs) / len(pairs) if pairs else 0.0


def entity_f1(actual: Sequence[Labels], expected: Sequence[Labels]) -> dict[str, float]:
    """F1 of entities by kind, and of all as ""; an entity counts only if its words and its kind are right."""
    found, gold = (
        {(row, *entity) for row, labels in enumerate(side) for entity in entities_of(labels)}
        for side in (actual, expected)
    )
    return _f1_by_kind(found & gold, found, gold)


def label_f1(actual: Sequence[Labels], expected: Sequence[Labels]) -> dict[str, float]:
    """F1 of words by label, and of all as ""."""
    found, gold = (
        {(row, place, place + 1, label) for row, labels in enumerate(side) for place, label in enumerate(labels)}
        for side in (actual, expected)
    )
    return _f1_by_kind(found & gold, found, gold)


def _f1_by_kind(
    right: set[tuple[int, int, int, str]], found: set[tuple[int, int, int, str]], gold: set[tuple[int, int, int, str]]
) -> dict[str, float]:
    """F1 of each kind, the last part of an item, and of all as ""."""
    rights, founds, golds = (Counter(kind for *_, kind in items) for items in (right, found, gold))
    kinds = {kind: _f1(rights[kind], founds[kind], golds[kind]) for kind in sorted(founds | golds)}
    return {"": _f1(len(right), len(found), len(gold)), **kinds}


def _f1(right: int, found: int, gold: int) -> float:
    """The harmonic mean of precision and recall, from counts; 0 if there is nothing."""
    return 2 * right / (found + gold) if found + gold else 0.0


def figures_of(labels: Sequence[Sequence[str]], expected: Sequence[Sequence[str]], scheme: str) -> dict[str, float]:
    """Figures of labels by name; the first is what a run and an export are judged by."""
    if scheme == "bio":
        scores = entity_f1(labels, expected)
        return {"entity F1": scores.pop(""), **{f"F1 of {kind}": score for kind, score in scores.items()}}
    scores = label_f1(labels, expected)
    scores.pop("")
    return {"accuracy": accuracy(labels, expected), **{f"F1 of {label}": score for label, score in scores.items()}}
