import itertools

import numpy as np
import pytest

from linguagen.models.manifests.tagger import HashedFeature, TaggerManifest, WordFeatures
from linguagen.runtime.text.labels import LabelChain, allowed_steps, entities_of

BIO = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
TAGS = ("NOUN", "VERB", "X")


def chain_of(labels, scheme, transitions=()):
    features = WordFeatures(1, 0, (HashedFeature("form", 8),))
    return LabelChain(
        TaggerManifest(
            name="t",
            teacher="",
            output_dim=len(labels),
            precision="float32",
            labels=labels,
            scheme=scheme,
            features=features,
            transitions=transitions,
            window=16,
            overlap=2,
        )
    )


def every_sequence(scores, labels, scheme, transitions):
    """All allowed sequences of labels and their probabilities, one by one."""
    steps = np.array(transitions) if transitions else np.zeros((len(labels) + 1, len(labels)))
    if scheme == "bio":
        steps = np.where(allowed_steps(labels), steps, -np.inf)
    found = {}
    for path in itertools.product(range(len(labels)), repeat=len(scores)):
        total = sum(score[label] for score, label in zip(scores, path, strict=True))
        total += sum(steps[before + 1, after] for before, after in itertools.pairwise((-1, *path)))
        found[path] = np.exp(total)
    whole = sum(found.values())
    return {tuple(labels[each] for each in path): each / whole for path, each in found.items() if each}


@pytest.mark.parametrize("learnt", [False, True])
@pytest.mark.parametrize(("labels", "scheme"), [(BIO, "bio"), (TAGS, "tags")])
def test_labels_and_probabilities_are_those_of_all_sequences_compared(labels, scheme, learnt):
    generator = np.random.default_rng(3)
    size = len(labels)
    transitions = tuple(map(tuple, generator.normal(size=(size + 1, size)).tolist())) if learnt else ()
    lengths = [5, 1, 3, 4, 2, 5]
    scores = (2 * generator.normal(size=(6, 5, size))).astype(np.float32)
    for found, length, rows in zip(
        chain_of(labels, scheme, transitions).decode(scores, lengths), lengths, scores, strict=True
    ):
        probabilities = every_sequence(rows[:length].astype(float), labels, scheme, transitions)
        assert tuple(found.labels) == max(probabilities, key=probabilities.get)
        for first, end, label, score in found.groups:
            expected = sum(
                each
                for path, each in probabilities.items()
                if (
                    path[first] == label
                    if scheme == "tags"
                    else path[first] == f"B-{label}" and (first, end, label) in entities_of(path)
                )
            )
            assert score == pytest.approx(expected, abs=1e-9)


def test_no_entity_begins_inside():
    scores = np.zeros((1, 3, 5), np.float32)
    scores[0, :, 2] = 9  # I-PER is best everywhere
    scores[0, 1, 4] = 10  # but I-LOC in the middle
    (found,) = chain_of(BIO, "bio").decode(scores, [3])
    assert found.labels == ["B-PER", "I-PER", "I-PER"]
    assert found.groups[0][:3] == (0, 3, "PER")


def test_two_entities_side_by_side_stay_two():
    scores = np.zeros((1, 3, 5), np.float32)
    scores[0, [0, 1, 2], [1, 1, 2]] = 9
    (found,) = chain_of(BIO, "bio").decode(scores, [3])
    assert [group[:3] for group in found.groups] == [(0, 1, "PER"), (1, 3, "PER")]


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_large_scores_give_probabilities_all_the_same(size):
    scores = np.zeros((1, 6, 5), np.float32)
    scores[0, :, 2] = size
    (found,) = chain_of(BIO, "bio").decode(scores, [6])
    assert all(0 <= group.score <= 1 for group in found.groups)
    large = tuple((size, -size, size, 0.0, size) for _ in range(6))
    (found,) = chain_of(BIO, "bio", large).decode(scores, [6])
    assert all(0 <= group.score <= 1 for group in found.groups)


def test_neighbours_in_a_batch_change_nothing():
    generator = np.random.default_rng(4)
    scores = generator.normal(size=(20, 30, 5)).astype(np.float32)
    lengths = generator.integers(1, 31, 20).tolist()
    chain = chain_of(BIO, "bio")
    together = chain.decode(scores, lengths)
    alone = [chain.decode(scores[n : n + 1, : lengths[n]], lengths[n : n + 1])[0] for n in range(20)]
    assert together == alone
