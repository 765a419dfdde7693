import itertools
import time
from pathlib import Path

import pytest

from linguagen.runtime.text.words import Span, sentences, split_words


def words_of(text):
    words = [text[start:end] for start, end in split_words(text)]
    assert "".join(words) == "".join("".join(words).split()), "a word has a space"
    return words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tim Cook visited Kraków.", "Tim|Cook|visited|Kraków|."),
        ("I don't know Kim's dog; we'll see.", "I|do|n't|know|Kim|'s|dog|;|we|'ll|see|."),
        ("It\u2019s gonna rain, isn\u2019t it?", "It|\u2019s|gon|na|rain|,|is|n\u2019t|it|?"),
        ("CAN'T or cannot", "CA|N'T|or|can|not"),
        ("dont say thats it", "do|nt|say|that|s|it"),
        ("a 15-year term, al-Ani and e-mail", "a|15|-|year|term|,|al|-|Ani|and|e-mail"),
        ("Mr. Smith, John M. Smith and the U.S. army", "Mr.|Smith|,|John|M.|Smith|and|the|U.S.|army"),
        ("at 5pm or 7:30 on 9/11, $1,000.50 or 50%", "at|5|pm|or|7:30|on|9/11|,|$|1,000.50|or|50|%"),
        ("see http://x.org/a_(b)?c=1, or www.a.com.", "see|http://x.org/a_(b)?c=1|,|or|www.a.com|."),
        ("(mail jo.e+x@a-b.co.uk)", "(|mail|jo.e+x@a-b.co.uk|)"),
        ("Wait... what?! :-) <3", "Wait|...|what|?!|:-)|<3"),
        ("AT&T and/or O'Connell's", "AT&T|and|/|or|O'Connell|'s"),
        ("call 713-853-3989 in the 1970s", "call|713-853-3989|in|the|1970s"),
        ("pets, jobs etc. and more etc.", "pets|,|jobs|etc.|and|more|etc|."),
        (
            "Cafe\u0301 \U0001f469\u200d\U0001f680\U0001f1f5\U0001f1f1ok",
            "Cafe\u0301|\U0001f469\u200d\U0001f680|\U0001f1f5\U0001f1f1|ok",
        ),
        ("नमस्ते दुनिया।", "नमस्ते|दुनिया|।"),
        ("他去了北京。", "他去了北京|。"),
        ("a\u200bb\x00c\u2028d", "a|b|c|d"),
        (" \t\n\u3000\u200b", ""),
        ("", ""),
    ],
)
def test_words(text, expected):
    assert words_of(text) == [word for word in expected.split("|") if word]


def test_a_word_is_where_its_span_says():
    text = "\ufeff  Kim's  (15-year) don't\r\n"
    assert split_words(text)[:2] == [Span(3, 6), Span(6, 8)]
    assert words_of(text) == ["Kim", "'s", "(", "15", "-", "year", ")", "do", "n't"]


def test_every_character_but_gaps_is_in_one_word():
    text = "".join(map(chr, [*range(1, 0xD800), *range(0xE000, 0x11000), *range(0x1F300, 0x1FB00)]))
    spans = split_words(text)
    assert all(before.end <= after.start for before, after in itertools.pairwise(spans))
    inside = {place for start, end in spans for place in range(start, end)}
    left = {text[place] for place in range(len(text)) if place not in inside}
    assert all(each.isspace() or not each.isprintable() for each in left), left


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "a.",
        "1-",
        "http://",
        "www.!",
        "a@",
        "'",
        ":(",
        "-_",
        "<",
        "\u0301",
        "don't",
        "a-",
        "1.",
        "a.b/",
        "😀\u200d",
    ],
)
def test_time_grows_with_the_text_and_not_faster(part):
    text = part * (200_000 // len(part))
    began = time.perf_counter()
    split_words(text)
    assert time.perf_counter() - began < 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He came. She left! Why? ok", ["He came .", "She left !", "Why ? ok"]),
        ('He said "Go." Then Mr. Smith went.', ['He said " Go . "', "Then Mr. Smith went ."]),
        ('He left. "Why?" he said.', ["He left .", '" Why ? " he said .']),
        ("A headline\n \nand its text\non two lines", ["A headline", "and its text on two lines"]),
        ("3.5 percent. 4 more... and on", ["3.5 percent .", "4 more ... and on"]),
        ("他去了。我也去。", ["他去了 。", "我也去 。"]),
        ("", []),
    ],
)
def test_sentences(text, expected):
    found = [" ".join(text[start:end] for start, end in sentence) for sentence in sentences(text)]
    assert found == expected


def test_a_sentence_without_an_end_is_cut():
    assert [len(each) for each in sentences("word " * 1100)] == [512, 512, 76]
    assert [len(each) for each in sentences("a b c", most=2)] == [2, 1]


def test_words_are_those_of_the_treebank(shared: Path):
    right = ours = theirs = 0
    for text, gold in treebank(shared / "text" / "eval" / "ud-ewt" / "en_ewt-ud-dev.conllu"):
        spans = set(split_words(text))
        right, ours, theirs = right + len(spans & gold), ours + len(spans), theirs + len(gold)
    assert 2 * right / (ours + theirs) > 0.989


def treebank(path: Path):
    """The texts of a CoNLL-U file, each with the spans of its words."""
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        lines = block.split("\n")
        text = next(line.removeprefix("# text = ") for line in lines if line.startswith("# text = "))
        words = [line.split("\t")[1] for line in lines if line.split("\t")[0].isdigit()]
        place, spans = 0, set()
        for word in words:
            start = text.index(word, place)
            place = start + len(word)
            spans.add(Span(start, place))
        yield text, spans
