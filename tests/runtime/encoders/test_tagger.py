import pickle
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from make_tiny_tagger import OVERLAP, WINDOW, tiny_sentences

from linguagen.models.errors import ModelFileError, TextError, UnknownModelError, UsageError
from linguagen.runtime import TextEncoder
from linguagen.runtime.encoders.tagger import Tagger
from linguagen.runtime.text.words import sentences, split_words

TEXTS = [
    "Tim Cook visited Kraków.",
    "  Marie Curie and Jean-Luc Picard left New York,\nand Kim left Paris again.  ",
    "",
    "\u200b\t\n",
    "O'Connell never visited 北京.\r\n\r\nAda Lovelace left Rio de Janeiro. Kim left.",
    "Kim's dog didn't... visit\u00a0Paris?! <b>Tim Cook</b> 👩\u200d🚀 http://x.org/Kim_Kim",
]


@pytest.fixture(scope="module")
def pos(tiny_taggers):
    return Tagger.load(tiny_taggers["pos"])


@pytest.fixture(scope="module")
def ner(tiny_taggers):
    return Tagger.load(tiny_taggers["ner"])


def plain(tags):
    """Tags without their scores, whose last digit may depend on the processor."""
    return [tag[:4] for tag in tags]


def test_names_are_found(ner):
    assert [[(tag.text, tag.label) for tag in tags] for tags in ner.tag(TEXTS[:3])] == [
        [("Tim Cook", "PER"), ("Kraków", "LOC")],
        [("Marie Curie", "PER"), ("Jean-Luc Picard", "PER"), ("New York", "LOC"), ("Kim", "PER"), ("Paris", "LOC")],
        [],
    ]
    assert ner.tag(TEXTS[0])[0][0] == (0, 8, "Tim Cook", "PER", pytest.approx(0.998, abs=0.002))


def test_every_word_has_a_part_of_speech(pos):
    for text, tags in zip(TEXTS, pos.tag(TEXTS), strict=True):
        assert [(tag.start, tag.end) for tag in tags] == split_words(text)
        assert all(0 < tag.score <= 1 for tag in tags)
    assert [tag.label for tag in pos.tag(TEXTS[0])[0]] == ["PROPN", "PROPN", "VERB", "PROPN", "PUNCT"]


@pytest.mark.parametrize("kind", ["pos", "ner"])
def test_a_tag_is_a_piece_of_the_source_and_cuts_no_word(tiny_taggers, kind):
    for text, tags in zip(TEXTS, Tagger.load(tiny_taggers[kind]).tag(TEXTS), strict=True):
        starts, ends = zip(*split_words(text), strict=True) if tags else ((), ())
        place = 0
        for tag in tags:
            assert tag.text == text[tag.start : tag.end] == tag.text.strip()
            assert tag.start in starts
            assert tag.end in ends
            assert place <= tag.start < tag.end
            place = tag.end


def test_a_word_of_many_pieces_is_one_tag_as_it_is_written(pos):
    text = "Internationalisierung visited ＫＲＡＫÓＷ"
    assert len(pos._reader.tokenizer.tokenize([text])[0]) > 12
    assert [tag.text for tag in pos.tag(text)[0]] == text.split()


def test_neighbours_and_batches_change_nothing(ner):
    texts = [*TEXTS, *("Kim left Paris. " * (number % 7) for number in range(300))]
    together = ner.tag(texts)
    assert [plain(tags) for tags in together] == [plain(ner.tag(text)[0]) for text in texts]
    for text, tags in zip(texts[:6], together[:6], strict=True):
        np.testing.assert_allclose([tag.score for tag in ner.tag(text)[0]], [tag.score for tag in tags], atol=1e-3)
    assert ner.tag(texts) == together


def test_threads_and_pickles_give_the_same(ner, tiny_taggers):
    expected = ner.tag(TEXTS * 50)
    assert Tagger.load(tiny_taggers["ner"], threads=3).tag(TEXTS * 50) == expected
    assert pickle.loads(pickle.dumps(ner)).tag(TEXTS * 50) == expected
    with ThreadPoolExecutor(4) as pool:
        assert all(each == expected for each in pool.map(lambda _: ner.tag(TEXTS * 50), range(4)))


@pytest.mark.parametrize("size", [WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW - 2 * OVERLAP, 500])
def test_windows_change_nothing_for_a_graph_that_reads_less_than_the_overlap(ner, size):
    words = [word for sentence in tiny_sentences() for word, _, _ in sentence][:size]
    rows = ner._reader.rows(words)
    whole = ner._run([rows])
    np.testing.assert_allclose(ner._scores([rows]), whole, atol=1e-5)
    np.testing.assert_allclose(ner._scores([rows[:5], rows])[1:], whole, atol=1e-5)
    assert ner.tag_words([words])[0] == ner._chain.decode(whole, [size])[0].labels


def test_a_long_text_needs_little_memory_and_linear_time(ner):
    text = "Kim never visited the wide plains and " * 20_000  # 760,000 characters without a full stop
    began = time.perf_counter()
    tags = ner.tag(text)[0]
    assert time.perf_counter() - began < 30
    assert len(tags) > 19_000
    assert all(tag.text == text[tag.start : tag.end] for tag in tags)
    tracemalloc.start()
    ner.tag(text[:76_000])
    _, small = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    ner.tag(text[:228_000])
    _, large = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert large < 1.7 * small + 4e6


def test_a_long_sentence_of_given_words_is_read_whole(ner):
    words = ["Kim", "left", "New", "York", "and"] * 300
    (found,) = ner.label([words])
    assert len(found.labels) == 1500
    assert [words[first:end] for first, end, label, _ in found.groups if label == "PER"] == [["Kim"]] * 300
    assert {tuple(words[first:end]) for first, end, *_ in found.groups} >= {("Kim",), ("New", "York")}


def test_tagged_has_all_sentences_and_words(ner):
    text = TEXTS[4]
    (found,) = ner.tagged(text)
    assert [sentence.words for sentence in found.sentences] == list(sentences(text))
    assert found.tags == ner.tag(text)[0]
    assert found.sentences[0].labelled.labels == ["B-PER", "O", "O", "B-LOC", "O"]


def test_given_words_stay_as_they_are(pos, ner):
    words = [["Tim", "Cook", "visited", "New", "York", "."], ["Kim"]]
    assert ner.tag_words(words) == [["B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O"], ["B-PER"]]
    assert list(map(len, pos.tag_words(words))) == [6, 1]
    assert pos.tag_words([]) == []
    assert pos.tag([]) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda tagger: tagger.tag(["a", 5]), "text 1 is of type int, expected a string"),
        (lambda tagger: tagger.tag(["a", None], first=10), "text 11 is of type NoneType, expected a string"),
        (lambda tagger: tagger.tag(b"bytes"), "text 0 is of type int, expected a string"),
        (lambda tagger: tagger.tag(7), "texts are of type int"),
        (lambda tagger: tagger.tag("a\ud800"), "text 0 has the character .* half of a surrogate pair"),
        (
            lambda tagger: tagger.tag_words(["Tim Cook"]),
            r"sentence 0 is of type str, expected a list of words; give texts to tag\(\)",
        ),
        (
            lambda tagger: tagger.tag_words([["a"], []]),
            "sentence 1 has no word; leave it out",
        ),
        (lambda tagger: tagger.tag_words([["a", ""]]), "sentence 0, word 1 is '', expected a string that is not empty"),
        (lambda tagger: tagger.tag_words([["a", 3]]), "sentence 0, word 1 is 3, expected a string"),
        (lambda tagger: tagger.tag_words([["\udc80"]]), "text 0 has the character .* half of a surrogate pair"),
    ],
)
def test_what_is_no_text_is_refused(pos, call, message):
    with pytest.raises(TextError, match=message):
        call(pos)


def test_other_kinds_of_files_are_refused(tiny_taggers, tiny_text):
    with pytest.raises(
        ModelFileError, match="a text model, but a tagger was expected; it takes texts: use lg-run embed"
    ):
        Tagger.load(tiny_text["int8"])
    with pytest.raises(
        ModelFileError, match="a tagger, but a text model was expected; it labels the words of texts: use lg-run tag"
    ):
        TextEncoder.load(tiny_taggers["pos"])
    data = bytearray(tiny_taggers["pos"].read_bytes())
    data[len(data) // 2] ^= 1
    tiny_taggers["pos"].with_name("edited.onnx").write_bytes(data)
    with pytest.raises(ModelFileError, match="the file was edited or damaged"):
        Tagger.load(tiny_taggers["pos"].with_name("edited.onnx"))


def test_engines(tiny_taggers, library):
    with pytest.raises(ModelFileError, match="the C library runs no taggers; use engine='onnxruntime'"):
        Tagger.load(tiny_taggers["pos"], engine="c")
    with pytest.raises(UsageError, match="engine 'x' is not known"):
        Tagger.load(tiny_taggers["pos"], engine="x")
    assert Tagger.load(tiny_taggers["pos"], device="cpu", engine="onnxruntime").device == "cpu"


def test_the_default_is_a_distribution_of_its_own(monkeypatch):
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(UnknownModelError, match="the tagger 'linguagen-pos-en' is a distribution of its own"):
        Tagger.load()
