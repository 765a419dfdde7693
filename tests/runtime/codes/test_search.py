import numpy as np
import pytest

from linguagen.models.errors import UsageError, VectorError
from linguagen.runtime import Compressor
from linguagen.runtime.codes.codec import KINDS, Codec


@pytest.fixture(scope="module")
def compressor() -> Compressor:
    return Compressor.load(threads=1, engine="onnxruntime")


@pytest.fixture(scope="module")
def embeddings(compressor) -> np.ndarray:
    return compressor.compress(np.random.default_rng(3).standard_normal((500, 1536)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [256, 200, 64])
def test_search_finds_what_scores_say(either, compressor, embeddings, kind, dim):
    codec = compressor.codec(kind, dim)
    codes = codec.encode(embeddings)
    rows, cosines = codec.search(embeddings[:7], codes, threads=1)
    scores = codec.score(embeddings[:7], codes)
    assert rows.shape == cosines.shape == (7, 10)
    assert (rows.dtype, cosines.dtype) == (np.int64, np.float32)
    assert np.abs(cosines - np.take_along_axis(scores, rows, 1)).max() < 2e-5
    # Rows may change places only if their scores are as good as equal.
    best = -np.sort(-scores, axis=1)[:, :10]
    assert np.abs(cosines - best).max() < 2e-5
    assert all(len(set(each)) == 10 for each in rows.tolist())


def test_threads_find_the_same_rows(either, compressor, embeddings):
    codec = compressor.codec("int4")
    codes = np.tile(codec.encode(embeddings), (120, 1))  # enough for three parts
    alone, parts = (codec.search(embeddings[:2], codes, 50, threads) for threads in (1, 3))
    assert np.array_equal(alone[0], parts[0])
    assert np.array_equal(alone[1], parts[1])
    assert alone[0][0].tolist() == sorted(alone[0][0]), "equal codes are found in their order"


@pytest.mark.parametrize("given", [np.float16, np.float64])
def test_queries_of_any_length_and_type_are_taken(either, compressor, embeddings, given):
    codec = compressor.codec("e8")
    codes = codec.encode(embeddings)
    expected = codec.search(embeddings[:3], codes, 4)
    rows, cosines = codec.search((7 * embeddings[:3]).astype(given), codes[:, :], 4)
    assert np.array_equal(rows[:, 0], expected[0][:, 0])
    assert np.abs(cosines - expected[1]).max() < 1e-3


def test_few_codes_or_queries_give_few_results(either, compressor, embeddings):
    codec = compressor.codec("binary")
    codes = codec.encode(embeddings[:3])
    assert sorted(codec.search(embeddings[:1], codes)[0][0]) == [0, 1, 2]
    assert codec.search(embeddings[:2], codes[:0])[0].shape == (2, 0)
    assert codec.search(embeddings[:0], codes)[0].shape == (0, 3)


def test_codes_that_are_a_slice_are_searched(either, compressor, embeddings):
    codec = compressor.codec("int8", 64)
    codes = codec.encode(embeddings)
    rows, _ = codec.search(embeddings[:4], codes[::2], 1)
    assert np.array_equal(rows, codec.search(embeddings[:4], codes[::2].copy(), 1)[0])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"k": 0}, UsageError, "k is 0 and threads is 1, expected 1 or more of both"),
        ({"threads": 0}, UsageError, "k is 10 and threads is 0, expected 1 or more of both"),
        ({"queries": np.ones(256, np.float32)}, VectorError, r"queries: has 1 dimension\(s\), shape \(256,\)"),
        ({"queries": np.ones((1, 32), np.float32)}, VectorError, "width 32, but the codes hold 256 dimensions; use"),
        ({"queries": np.zeros((2, 256), np.float32)}, VectorError, r"queries: 2 row\(s\) hold only zeros"),
        (
            {"codes": np.zeros((3, 256), np.uint8)},
            VectorError,
            r"codes: shape \(3, 256\) of uint8, expected \(rows, 256\)",
        ),
        ({"codes": np.zeros((3, 128), np.int8)}, VectorError, "of int8; give them as encode wrote them"),
    ],
)
def test_what_cannot_be_searched_is_refused(either, compressor, change, error, message):
    given = {"queries": np.ones((1, 256), np.float32), "codes": np.zeros((3, 256), np.int8), "k": 10, "threads": 1}
    with pytest.raises(error, match=message):
        compressor.codec("int8").search(**(given | change))


def test_the_library_writes_and_reads_the_same_codes(library, compressor, embeddings):
    """Python rotates in float32 and C in float64: a value halfway between two levels may get either."""
    codec: Codec = compressor.codec("int4")
    expected, actual = codec.encode(embeddings), np.empty((500, 128), np.uint8)
    codec.library(256).encode(embeddings, actual)
    assert (actual != expected).sum() <= expected.size / 1000
    decoded, lengths = np.empty((500, 256), np.float32), np.empty(500, np.float32)
    codec.library(256).decode(expected, decoded)
    assert np.abs(decoded - codec.decode(expected)).max() < 1e-6
    codec.library(256).lengths(expected, lengths)
    rows, cosines = np.empty((1, 3), np.int64), np.empty((1, 3), np.float32)
    codec.library(256).search(embeddings[0], expected, lengths, rows, cosines)
    assert np.array_equal(rows, codec.search(embeddings[:1], expected, 3)[0])


def test_the_library_refuses_sizes_and_rows_that_do_not_fit(library, compressor, embeddings):
    codec = compressor.codec("int8")
    loaded, codes = codec.library(256), np.zeros((3, 256), np.int8)
    with pytest.raises(ValueError, match="codes has 767 bytes, expected rows of 256 bytes"):
        loaded.decode(codes.ravel()[:-1], np.empty((3, 256), np.float32))
    with pytest.raises(ValueError, match="embeddings has 2 rows, expected 3"):
        loaded.decode(codes, np.empty((2, 256), np.float32))
    with pytest.raises(ValueError, match="row 1: a row holds only zeros"):
        loaded.encode(np.array([[1] * 256, [0] * 256], np.float32), np.empty((2, 256), np.int8))
    with pytest.raises(ValueError, match="k is 4, expected at most the 3 rows of codes"):
        loaded.search(embeddings[0], codes, None, np.empty((1, 4), np.int64), np.empty((1, 4), np.float32))
    with pytest.raises(ValueError, match="lengths has 2 rows, expected 3"):
        lengths = np.ones(2, np.float32)
        loaded.search(embeddings[0], codes, lengths, np.empty((1, 1), np.int64), np.empty((1, 1), np.float32))
    with pytest.raises(TypeError):
        loaded.search(embeddings[0], codes, 7, np.empty((1, 1), np.int64), np.empty((1, 1), np.float32))
    with pytest.raises(ValueError, match="mean has 3 rows, expected 256"):
        type(loaded)(2, 256, 256, np.zeros(3, np.float32), np.ones(256, np.float32))
    with pytest.raises(ValueError, match="an argument has a value that its function does not accept"):
        type(loaded)(99, 256, 256, np.zeros(256, np.float32), np.ones(256, np.float32))
    for mean, deviation in ((np.nan, 1), (0, np.inf), (0, 0), (1e10, 1)):
        with pytest.raises(ValueError, match="an argument has a value that its function does not accept"):
            type(loaded)(4, 2, 2, np.full(2, mean, np.float32), np.full(2, deviation, np.float32))
