"""The first pass over trellis codes: what bytes say by themselves, and that a search loses nothing to it."""

from functools import cache

import numpy as np
import pytest

from linguagen.models.manifests.trellis import Trellis
from linguagen.models.model_file import load_manifest
from linguagen.runtime.codes import search, sieve, trellis
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.vectors import normalized

MANIFEST = load_manifest("text-embedding-3-small-1536")
MOMENTS = MANIFEST.embedding_moments


def test_what_a_byte_says_is_the_mean_over_all_other_bytes(monkeypatch):
    """All 65,536 codes of two bytes, whose symbols have 1 to 4 bits, one to two dimensions, windows and cosets."""
    order = [0, 0, 0, 0, 0, 0, 0, 2, 4, 4, 4, 4, 6, 6, 4, 6]
    small = Trellis(np.array(order, np.uint16), np.ones(8, np.float32), MANIFEST.trellis.gains, MANIFEST.trellis.tables)
    deviation = np.linspace(2, 1, 8).astype(np.float32)
    codec = TrellisCodec(small, np.zeros(8, np.float32), deviation, 2)
    vars(codec)["_library"] = None
    assert set(small.symbols(2).rungs.tolist()) >= {3, 5, 7}
    codes = np.arange(65_536, dtype=">u2").view(np.uint8).reshape(-1, 2)
    monkeypatch.setattr("linguagen.runtime.codes.trellis.normalized", lambda rows: rows)
    query = np.random.default_rng(0).standard_normal(8).astype(np.float32)
    products = codec.decode(codes) @ query
    by_byte = products.reshape(256, 256)
    tables = codec.sieve.tables(query)
    np.testing.assert_allclose(tables[0], by_byte.mean(axis=1) - products.mean(), atol=1e-4)
    np.testing.assert_allclose(tables[1], by_byte.mean(axis=0) - products.mean(), atol=1e-4)


@cache
def encoded(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (2500, dim) in groups of twenty, and their codes (2500, size)."""
    generator, shape = np.random.default_rng(size), (2500, len(MOMENTS.mean))
    groups = generator.standard_normal((125, shape[1])).repeat(20, axis=0)
    embeddings = normalized((groups + generator.standard_normal(shape)) * MOMENTS.deviation + MOMENTS.mean)
    return embeddings, TrellisCodec.make(size, MANIFEST.trellis, MOMENTS).encode(embeddings)


@pytest.mark.parametrize("size", [128, 24, 400])
def test_a_search_after_the_sieve_finds_what_a_search_of_all_finds(either, monkeypatch, size):
    embeddings, codes = encoded(size)
    codec, rows = TrellisCodec.make(size, MANIFEST.trellis, MOMENTS), len(codes)
    queries, decoded = embeddings[::250], []
    every = search.found_by_numpy(codec, queries, codes, 10)
    monkeypatch.setattr(trellis, "LEAST_ROWS", 0)
    monkeypatch.setattr(sieve, "_SAMPLE", 64)
    monkeypatch.setattr(sieve, "_WINDOW_ROWS", 500)
    score = TrellisCodec.score
    monkeypatch.setattr(TrellisCodec, "score", lambda *each: decoded.append(len(each[2])) or score(*each))
    found = codec.search(queries, codes, 10)
    np.testing.assert_array_equal(found[0], every[0])
    np.testing.assert_allclose(found[1], every[1], atol=2e-5)
    if either == "no_library" and size >= 128:
        assert 0 < sum(decoded) < 0.8 * rows * len(queries), "most codes are not decoded"
    assert codec.search(queries, codes[:7], 10)[0].shape == (10, 7)
    monkeypatch.undo()
    assert codec.search(queries, codes[:0], 10)[0].shape == (10, 0)
    assert codec.search(queries[:0], codes, 10)[0].shape == (0, 10)
    assert codec.search(queries, codes, rows)[0].shape == (10, rows)


def test_equal_codes_are_found_in_their_order(either, monkeypatch):
    monkeypatch.setattr(trellis, "LEAST_ROWS", 0)
    codec = TrellisCodec.make(16, MANIFEST.trellis, MOMENTS)
    row = normalized(np.random.default_rng(1).standard_normal((1, 1536)))
    codes = np.tile(codec.encode(row), (4000, 1))
    rows, cosines = codec.search(row, codes, 5)
    assert rows.tolist() == [[0, 1, 2, 3, 4]]
    assert len(np.unique(cosines)) == 1


def test_threads_find_the_same_codes(library, monkeypatch):
    monkeypatch.setattr(search, "_LEAST_ROWS", 2500)
    codec = TrellisCodec.make(32, MANIFEST.trellis, MOMENTS)
    codes = np.random.default_rng(2).integers(0, 256, (7600, 32), dtype=np.uint8)
    queries = normalized(np.random.default_rng(3).standard_normal((4, 1536)))
    one, three = (codec.search(queries, codes, 30, threads) for threads in (1, 3))
    np.testing.assert_array_equal(one[0], three[0])
    np.testing.assert_array_equal(one[1], three[1])


@pytest.mark.parametrize(
    ("size", "change", "message"),
    [
        (7, {}, "argument"),
        (2049, {}, "argument"),
        (16, {"queries": np.zeros((1, 1536), np.float32)}, "row 0"),
        (16, {"queries": np.full((1, 1536), np.nan, np.float32)}, "row 0"),
        (16, {"queries": np.zeros((1, 7), np.float32)}, "queries"),
        (16, {"rows": np.zeros((1, 9), np.int64)}, "k is 9, expected at most the 5 rows of codes|cosines"),
        (16, {"cosines": np.zeros((1, 2), np.float32)}, "cosines"),
    ],
)
def test_the_library_refuses_what_does_not_fit(library, size, change, message):
    codec = TrellisCodec.make(16, MANIFEST.trellis, MOMENTS)
    arrays = {
        "queries": np.ones((1, 1536), np.float32),
        "codes": np.zeros((5, 16), np.uint8),
        "rows": np.zeros((1, 3), np.int64),
        "cosines": np.zeros((1, 3), np.float32),
    }
    with pytest.raises(ValueError, match=message):
        codec._library.search(size, *(arrays | change).values())
