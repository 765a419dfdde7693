import pytest

from linguagen.runtime.measure.labelled import accuracy, entity_f1, label_f1
from linguagen.runtime.text.labels import entities_of


def test_accuracy_counts_words():
    assert accuracy([["A", "B"], ["A"]], [["A", "A"], ["A"]]) == pytest.approx(2 / 3)
    assert accuracy([], []) == 0


@pytest.mark.parametrize(
    ("labels", "entities"),
    [
        ("B-X I-X O", [(0, 2, "X")]),
        ("B-X B-X", [(0, 1, "X"), (1, 2, "X")]),
        ("O I-X I-Y", [(1, 2, "X"), (2, 3, "Y")]),
        ("B-X I-Y I-Y", [(0, 1, "X"), (1, 3, "Y")]),
        ("O O", []),
    ],
)
def test_entities_are_read_as_conlleval_reads_them(labels, entities):
    assert entities_of(labels.split()) == entities


def test_entity_f1_wants_the_whole_entity_and_its_kind():
    expected = [["B-X", "I-X", "O", "B-Y"], ["B-Y"]]
    actual = [["B-X", "O", "O", "B-Y"], ["B-X"]]
    assert entity_f1(actual, expected) == {"": pytest.approx(1 / 3), "X": 0, "Y": pytest.approx(2 / 3)}
    assert entity_f1([["O"]], [["O"]]) == {"": 0}


def test_label_f1_is_accuracy_over_all_and_f1_of_each_label():
    scores = label_f1([["A", "B", "A"]], [["A", "A", "A"]])
    assert scores == {"": pytest.approx(2 / 3), "A": pytest.approx(0.8), "B": 0}
