import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linguagen.models.errors import DeviceError, VectorError
from linguagen.runtime import Compressor
from linguagen.train.vectors.finished import load_finished


@pytest.fixture(scope="module")
def compressor(tiny) -> Compressor:
    return Compressor.load(tiny["int8"], device="cpu", threads=2)


def test_the_float_file_gives_what_pytorch_gives(tiny, tiny_vectors):
    with torch.no_grad():
        golden = load_finished(tiny["run"]).network(torch.from_numpy(tiny_vectors)).numpy()
    given_embeddings = Compressor.load(tiny["none"]).compress(tiny_vectors)
    np.testing.assert_allclose(given_embeddings, golden, atol=1e-5)
    np.testing.assert_allclose(Compressor.load(tiny["fp16"]).compress(tiny_vectors), golden, atol=2e-3)
    assert (Compressor.load(tiny["int8"]).compress(tiny_vectors) * golden).sum(axis=1).mean() > 0.99


@settings(max_examples=20)
@given(st.lists(st.integers(0, 299), min_size=1, max_size=40))
def test_rows_alone_in_any_batch_and_order_come_out_the_same(compressor, tiny_vectors_session, picked):
    whole = compressor.compress(tiny_vectors_session)
    np.testing.assert_allclose(compressor.compress(tiny_vectors_session[picked]), whole[picked], atol=1e-6)


def test_more_rows_than_a_chunk_come_out_in_order(compressor, tiny_vectors):
    many = np.tile(tiny_vectors, (9, 1))
    np.testing.assert_allclose(compressor.compress(many), np.tile(compressor.compress(tiny_vectors), (9, 1)), atol=1e-6)


@pytest.mark.parametrize("kind", [np.float16, np.float64, ">f4"])
def test_other_float_types_and_lengths_are_taken(compressor, tiny_vectors, kind):
    given_embeddings = compressor.compress((3 * tiny_vectors).astype(kind))
    assert given_embeddings.dtype == np.float32
    np.testing.assert_allclose(given_embeddings, compressor.compress(tiny_vectors), atol=0.05)


def test_no_rows_give_no_rows(compressor):
    assert compressor.compress(np.empty((0, 48), np.float32)).shape == (0, 8)


def test_embeddings_have_length_one(compressor, tiny_vectors):
    np.testing.assert_allclose(np.linalg.norm(compressor.compress(tiny_vectors), axis=1), 1, atol=1e-6)


def test_bad_input_is_refused_by_row(compressor, tiny_vectors):
    tiny_vectors[7, 3] = np.nan
    with pytest.raises(VectorError, match=r"vectors: 1 row\(s\) hold NaN or infinite values: row 7 "):
        compressor.compress(tiny_vectors)
    with pytest.raises(VectorError, match="vectors of width 5, but the model takes width 48"):
        compressor.compress(np.ones((2, 5), np.float32))


def test_it_pickles_and_serves_several_threads(compressor, tiny_vectors):
    copy = pickle.loads(pickle.dumps(compressor))
    wanted = compressor.compress(tiny_vectors)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(copy.compress, [tiny_vectors] * 8):
            np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_a_call_that_fails_names_the_device_and_the_way_out(compressor):
    with pytest.raises(DeviceError, match=r"the model failed on cpu with 100 rows \(.*; if memory ran out, pass fewer"):
        compressor.run(np.ones((100, 5), np.float32))


@pytest.fixture(scope="module")
def tiny_vectors_session() -> np.ndarray:
    from make_tiny_model import tiny_vectors

    return tiny_vectors(300, seed=2)
