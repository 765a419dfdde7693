"""Frames and arrays of other libraries go into compress and embed directly."""

import numpy as np
import pandas
import polars
import pyarrow
import pytest
import torch

from linguagen.models.errors import TextError, VectorError
from linguagen.runtime import Compressor, TextEncoder
from linguagen.runtime.columns import text_list, vector_rows

TEXTS = ["The dog sees the man.", "a cat", "The dog."]
VECTOR_FORMS = {
    "lists": lambda rows: rows.tolist(),
    "arrays in a list": list,
    "pandas": lambda rows: pandas.Series(list(rows), index=range(5, 5 + len(rows))),
    "pandas on Arrow": lambda rows: pandas.Series(
        rows.tolist(), dtype=pandas.ArrowDtype(pyarrow.list_(pyarrow.float32()))
    ),
    "pandas frame of numbers": pandas.DataFrame,
    "polars lists": lambda rows: polars.Series(rows.tolist(), dtype=polars.List(polars.Float32)),
    "polars arrays": lambda rows: polars.Series(rows, dtype=polars.Array(polars.Float32, rows.shape[1])),
    "Arrow lists": lambda rows: pyarrow.array(list(rows)),
    "Arrow lists of fixed size": lambda rows: pyarrow.array(
        list(rows), pyarrow.list_(pyarrow.float32(), rows.shape[1])
    ),
    "Arrow chunks": lambda rows: pyarrow.chunked_array([pyarrow.array(list(rows[:7])), pyarrow.array(list(rows[7:]))]),
    "torch": lambda rows: torch.from_numpy(rows).requires_grad_(),
}
TEXT_FORMS = {
    "tuple": tuple,
    "numpy": np.array,
    "pandas": lambda texts: pandas.Series(texts, index=[7, 8, 9]),
    "polars": polars.Series,
    "Arrow": pyarrow.array,
    "Arrow chunks": lambda texts: pyarrow.chunked_array([texts[:1], texts[1:]]),
    "a generator": iter,
}


@pytest.fixture(scope="module")
def compressor(tiny) -> Compressor:
    return Compressor.load(tiny["none"], threads=1)


@pytest.mark.parametrize("form", VECTOR_FORMS)
def test_vectors_in_any_form_are_compressed_alike(compressor, tiny_vectors, form):
    rows = tiny_vectors[:20]
    np.testing.assert_allclose(compressor.compress(VECTOR_FORMS[form](rows)), compressor.compress(rows), atol=1e-6)


def test_tensors_of_bfloat16_keep_what_they_hold(compressor, tiny_vectors):
    tensor = torch.from_numpy(tiny_vectors[:20]).bfloat16()
    np.testing.assert_array_equal(compressor.compress(tensor), compressor.compress(tensor.float().numpy()))


def test_an_array_is_not_copied(tiny_vectors):
    assert vector_rows(tiny_vectors, "vectors") is tiny_vectors


@pytest.mark.parametrize("form", [list, pandas.Series, pyarrow.array, polars.Series])
def test_rows_that_are_missing_or_of_other_lengths_are_refused_by_number(compressor, form):
    with pytest.raises(VectorError, match=r"vectors: row 1 \(counted from 0\) has 2 numbers, row 0 has 3; all rows"):
        compressor.compress(form([[1.0, 2.0, 3.0], [1.0, 2.0]]))
    with pytest.raises(VectorError, match=r"vectors: row 1 \(counted from 0\) is missing or no list of numbers"):
        compressor.compress(form([[1.0, 2.0, 3.0], None]))


@pytest.mark.parametrize("form", TEXT_FORMS)
def test_texts_in_any_form_are_embedded_alike(tiny_text, form):
    encoder = TextEncoder.load(tiny_text["none"], threads=1)
    np.testing.assert_array_equal(encoder.embed(TEXT_FORMS[form](TEXTS)), encoder.embed(TEXTS))


def test_a_missing_text_is_refused_by_number_and_a_frame_by_its_type(tiny_text):
    encoder = TextEncoder.load(tiny_text["none"], threads=1)
    with pytest.raises(TextError, match="text 1 is of type NoneType, expected a string"):
        encoder.embed(pyarrow.array(["a", None]))
    for wrong in (pandas.DataFrame({"text": TEXTS}), polars.DataFrame({"text": TEXTS}), np.array([TEXTS]), 3):
        kind = type(wrong).__name__
        with pytest.raises(TextError, match=f"texts are of type {kind}, expected a string, or a list or column"):
            text_list(wrong)
