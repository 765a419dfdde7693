import pickle
import time
import zlib

import numpy as np
import pytest

from linguagen.models.manifests.tagger import HashedFeature, WordFeatures
from linguagen.models.model_file import read_text_file
from linguagen.runtime.text.tokenizer import Tokenizer
from linguagen.runtime.text.word_features import WordReader, shape_of

HASHED = (
    HashedFeature("form", 100),
    HashedFeature("prefix", 50, 2),
    HashedFeature("suffix", 60, 3),
    HashedFeature("shape", 30),
)


@pytest.fixture(scope="module")
def reader(tiny_text):
    tokenizer = Tokenizer(read_text_file(tiny_text["int8"]).tokenizer, "here")
    return WordReader(WordFeatures(tokenizer.pieces, 4, HASHED), tokenizer)


def test_rows_of_a_word(reader):
    first, (row,) = reader.features.pieces, reader.rows(["Walked"])
    pieces = reader.tokenizer.tokenize(["Walked"])[0][:4]
    assert row[:4].tolist() == pieces + [0] * (4 - len(pieces))
    expected = [
        first + zlib.crc32(b"form:walked") % 100,
        first + 100 + zlib.crc32(b"prefix:wa") % 50,
        first + 150 + zlib.crc32(b"suffix:ked") % 60,
        first + 210 + zlib.crc32(b"shape:Xxxx") % 30,
    ]
    assert row[4:].tolist() == expected
    assert reader.features.columns == 8
    assert reader.features.rows == first + 240


def test_a_short_word_has_no_long_affix():
    row = WordReader(WordFeatures(1, 0, HASHED)).rows(["a"])[0]
    assert row[1] == row[2] == 0
    assert row[0] > 0


def test_rows_depend_on_the_word_alone(reader):
    words = ["Tim", "Cook", "x" * 100, "Tim", "\u0301", "😀"]
    rows = reader.rows(words)
    assert rows.shape == (6, 8)
    assert rows.dtype == np.int32
    for word, row in zip(words, rows, strict=True):
        np.testing.assert_array_equal(reader.rows([word])[0], row)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(reader)).rows(words), rows)
    np.testing.assert_array_equal(reader.rows(["x" * 64])[0], rows[2])
    assert rows.max() < reader.features.rows
    assert rows.any(axis=1).all()


def test_no_word_has_no_row(reader):
    assert reader.rows([]).shape == (0, 8)


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("Apple", "Xxxx"),
        ("iPhone", "xXxxx"),
        ("2026", "ddd"),
        ("42", "dd"),
        ("U.S.", "X.X."),
        ("!!!!!", "!!!"),
        ("北京", "cc"),
    ],
)
def test_shapes(word, shape):
    assert shape_of(word) == shape


def test_words_are_read_fast(reader):
    words = [f"word{number % 5000}" for number in range(100_000)]
    reader.rows(words)
    began = time.perf_counter()
    reader.rows(words)
    assert time.perf_counter() - began < 1
