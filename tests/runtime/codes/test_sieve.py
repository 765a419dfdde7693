"""The first pass over trellis codes: what bytes say by themselves, and that a search loses nothing to it."""

import numpy as np
import pytest

from linguagen.models.manifests.trellis import Trellis
from linguagen.models.model_file import load_manifest
from linguagen.runtime.codes import sieve, trellis
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


@pytest.mark.parametrize(("size", "rows"), [(128, 3000), (24, 1200)])
def test_a_search_after_the_sieve_finds_what_a_search_of_all_finds(either, monkeypatch, size, rows):
    generator = np.random.default_rng(size)
    groups = generator.standard_normal((rows // 20, len(MOMENTS.mean))).repeat(20, axis=0)
    drawn = (groups + generator.standard_normal((rows, len(MOMENTS.mean)))) * MOMENTS.deviation + MOMENTS.mean
    codec = TrellisCodec.make(size, MANIFEST.trellis, MOMENTS)
    embeddings = normalized(drawn)
    codes = codec.encode(embeddings[:300])
    codes = np.concatenate([codes, generator.integers(0, 256, (rows - 300, size), dtype=np.uint8)])
    queries, decoded = embeddings[:300:30], []
    every = codec.search(queries, codes, 10)
    monkeypatch.setattr(trellis, "LEAST_ROWS", 0)
    monkeypatch.setattr(sieve, "_SAMPLE", 64)
    monkeypatch.setattr(sieve, "_WINDOW_ROWS", 500)
    score = TrellisCodec.score
    monkeypatch.setattr(TrellisCodec, "score", lambda *each: decoded.append(len(each[2])) or score(*each))
    found = codec.search(queries, codes, 10)
    np.testing.assert_array_equal(found[0], every[0])
    np.testing.assert_allclose(found[1], every[1], atol=1e-6)
    assert sum(decoded) < 0.8 * rows * len(queries), "most codes are not decoded"
    assert codec.search(queries, codes[:7], 10)[0].shape == (10, 7)
    monkeypatch.undo()
    assert codec.search(queries, codes[:0], 10)[0].shape == (10, 0)
    assert codec.search(queries[:0], codes, 10)[0].shape == (0, 10)
    assert codec.search(queries, codes, rows)[0].shape == (10, rows)


def test_equal_codes_are_found_in_their_order(monkeypatch):
    monkeypatch.setattr(trellis, "LEAST_ROWS", 0)
    codec = TrellisCodec.make(16, MANIFEST.trellis, MOMENTS)
    row = normalized(np.random.default_rng(1).standard_normal((1, 1536)))
    codes = np.tile(codec.encode(row), (2000, 1))
    rows, cosines = codec.search(row, codes, 5)
    assert rows.tolist() == [[0, 1, 2, 3, 4]]
    assert len(np.unique(cosines)) == 1
