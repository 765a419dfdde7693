import re

import pytest

from linguagen.models.errors import TextError, UsageError
from linguagen.train.tagger.data import Sentence, label_set, read_labels_map, read_sentences

CONLLU = """# text = I don't.
1\tI\tI\tPRON\tPRP\t_\t_\t_\t_\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVBP\t_\t_\t_\t_\t_
3\tn't\tnot\tPART\tRB\t_\t_\t_\t_\t_
3.1\tgo\tgo\tVERB\tVB\t_\t_\t_\t_\t_
"""


def write(tmp_path, text, name="data.conll"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("column", "labels"), [("auto", "PRON AUX PART"), ("xpos", "PRP VBP RB"), ("4", "PRON AUX PART"), ("3", "I do not")]
)
def test_conllu_gives_its_words_and_one_column(tmp_path, column, labels):
    sentences = read_sentences([write(tmp_path, CONLLU, "a.conllu")], column, {})
    assert sentences == [Sentence(("I", "do", "n't"), tuple(labels.split()))]


def test_columns_are_divided_at_tabs_or_spaces_and_sentences_at_empty_lines(tmp_path):
    text = "-DOCSTART- -X- O\n\nKim NNP B-PER\nleft VBD O\n\t\nnew york\tB-LOC\n"
    sentences = read_sentences([write(tmp_path, text)], "auto", {})
    assert sentences == [Sentence(("Kim", "left"), ("B-PER", "O")), Sentence(("new york",), ("B-LOC",))]


def test_labels_are_renamed_by_a_file(tmp_path):
    names = read_labels_map(write(tmp_path, "person PER\n\ngroup O\n", "map"))
    data = write(tmp_path, "Kim B-person\nCook I-person\nBeatles B-group\n")
    assert read_sentences([data], "auto", names)[0].labels == ("B-PER", "I-PER", "O")
    assert read_sentences([data], "auto", {"B-person": "X"})[0].labels == ("X", "I-person", "B-group")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.conllu", "Kim B-PER\n", "line 1: expected a word's number first"),
        ("a.conllu", "1\tKim\tB-PER\n", "line 1: 3 columns, expected the 10 of CoNLL-U"),
        ("a.conll", "Kim O\nleft\n", "line 2: no label in column 2"),
        ("a.conll", "Kim\tB PER\n", "line 1: expected a word and a label without spaces"),
        ("a.conll", "\tO\n", "line 1: expected a word and a label without spaces"),
        ("a.conll", "\n\n", "holds no sentence"),
        ("b.conll", None, "cannot be read"),
    ],
)
def test_a_hostile_file_is_refused_by_its_line(tmp_path, name, text, message):
    path = str(tmp_path / name) if text is None else write(tmp_path, text, name)
    with pytest.raises(TextError, match=re.escape(message)):
        read_sentences([path], "auto", {})


@pytest.mark.parametrize("column", ["upos", "1", "last", "101", "-1"])
def test_a_column_that_is_not_there_is_refused(tmp_path, column):
    with pytest.raises(UsageError, match="--column is"):
        read_sentences([write(tmp_path, "Kim O\n")], column, {})


@pytest.mark.parametrize("text", ["PER\n", "a b c\n", "a b\na c\n"])
def test_a_map_of_another_shape_is_refused(tmp_path, text):
    with pytest.raises(TextError, match="expected FROM TO, each FROM once"):
        read_labels_map(write(tmp_path, text))


def test_labels_of_entities_are_bio_and_all_others_tags():
    assert label_set([Sentence(("a", "b"), ("O", "B-X"))]) == (("O", "B-X", "I-X"), "bio")
    assert label_set([Sentence(("a", "b"), ("B-X", "VERB"))]) == (("B-X", "VERB"), "tags")


def test_an_entity_that_begins_with_i_is_refused():
    with pytest.raises(TextError, match="the word 'b' has the label I-Y after B-X; an entity begins with B-Y"):
        label_set([Sentence(("a", "b", "c"), ("B-X", "I-Y", "O"))])


def test_one_label_alone_teaches_nothing():
    with pytest.raises(TextError, match="every word has the label 'O'"):
        label_set([Sentence(("a",), ("O",))])
