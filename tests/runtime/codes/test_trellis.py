import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linguagen.models.errors import UsageError
from linguagen.models.manifests.trellis import LADDER, Trellis, cosets
from linguagen.models.model_file import load_manifest
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.native import has_library
from linguagen.runtime.vectors import normalized

MANIFEST = load_manifest("text-embedding-3-small-1536")
MOMENTS = MANIFEST.embedding_moments
TRELLIS = MANIFEST.trellis


def codec(size: int) -> TrellisCodec:
    return TrellisCodec.make(size, TRELLIS, MOMENTS)


def without_library(some: TrellisCodec) -> TrellisCodec:
    """A codec that works in numpy alone, whether or not the C library is installed."""
    vars(some)["_library"] = None
    return some


def embeddings(rows: int, seed: int = 0) -> np.ndarray:
    """Rows with the model's mean and variances."""
    samples = np.random.default_rng(seed).standard_normal((rows, len(MOMENTS.mean))).astype(np.float32)
    return normalized(samples * MOMENTS.deviation + MOMENTS.mean)


ROWS = embeddings(3)
GOLDEN_8 = "c2de133c7e8f5cd75dd915b24abc6ecf83685dfd8a708cea"
GOLDEN_16 = "539ad4995fca6a83ea0eb7d7eb0ea7b9"


@settings(max_examples=25, deadline=None)
@given(st.integers(8, 2048))
def test_a_code_of_any_size_uses_every_bit_and_comes_back_near(size):
    symbols = TRELLIS.symbols(size)
    bits = np.array([rung.bits for rung in LADDER])[symbols.rungs]
    assert bits.sum() == 8 * size
    np.testing.assert_array_equal(symbols.bits, np.cumsum(bits) - bits)
    dims = np.concatenate([np.arange(d, d + LADDER[r].dims) for r, d in zip(symbols.rungs, symbols.dims, strict=True)])
    assert len(np.unique(dims)) == len(dims), "no dimension is in two symbols"
    some = codec(size)
    codes = some.encode(ROWS)
    assert codes.shape == (3, size)
    assert codes.dtype == np.uint8
    decoded = some.decode(codes)
    np.testing.assert_allclose(np.linalg.norm(decoded, axis=1), 1, atol=1e-6)
    expected = np.interp(np.log2(size), [3, 5, 7, 9, 11], [0.55, 0.68, 0.84, 0.96, 0.999])
    assert ((decoded * ROWS).sum(axis=1) > expected - 0.06).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(8, 200), st.integers(0, 2**32 - 1))
def test_any_bytes_are_a_code_that_stands_for_itself(size, seed):
    """Values that bytes stand for are written as bytes that stand for values at least as near."""
    some = dataclasses.replace(
        codec(size), trellis=dataclasses.replace(TRELLIS, gains=np.ones(len(LADDER), np.float32))
    )
    codes = np.random.default_rng(seed).integers(0, 256, (2, size), dtype=np.uint8)
    values = some.decode(codes) * 1.0
    again = some.decode(some.encode(values))
    assert ((again * values).sum(axis=1) > 0.6).all()


@pytest.mark.skipif(not has_library(), reason="the C library is not installed")
@settings(max_examples=8, deadline=None)
@given(st.integers(8, 2048))
def test_the_library_writes_the_bytes_that_numpy_writes(size):
    codes = codec(size).encode(ROWS)
    np.testing.assert_array_equal(codes, without_library(codec(size)).encode(ROWS))
    np.testing.assert_allclose(codec(size).decode(codes), without_library(codec(size)).decode(codes), atol=1e-6)


def test_search_finds_what_scores_say(either):
    some, rows = codec(24), embeddings(300, seed=5)
    codes = some.encode(rows)
    found, cosines = some.search(rows[:3] * 7, codes, 20)
    scores = some.score(rows[:3], codes)
    np.testing.assert_allclose(cosines, -np.sort(-scores, axis=1)[:, :20], atol=2e-5)
    np.testing.assert_allclose(np.take_along_axis(scores, found, axis=1), cosines, atol=2e-5)
    assert some.search(rows[:2], codes[:0])[0].shape == (2, 0)


def test_a_codec_pickles_without_the_library():
    used = codec(16)
    used.encode(ROWS)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(used)).encode(ROWS), used.encode(ROWS))


def test_more_bytes_keep_more():
    rows, kept = embeddings(20), []
    for size in (8, 16, 64, 256, 1024, 2048):
        some = codec(size)
        kept.append(float((some.decode(some.encode(rows)) * rows).sum(axis=1).mean()))
    assert kept == sorted(kept)
    assert kept[-1] > 0.9999


def test_the_codes_are_the_golden_ones():
    """The same in C and JavaScript; every step is in docs/model-file.md."""
    assert codec(8).encode(ROWS).tobytes().hex() == GOLDEN_8
    assert codec(16).encode(ROWS[:1]).tobytes().hex() == GOLDEN_16


def test_a_row_does_not_depend_on_the_others():
    rows, some = embeddings(70), codec(24)
    whole = some.encode(rows)
    np.testing.assert_array_equal(some.encode(rows[40:41]), whole[40:41])
    assert some.encode(rows[:0]).shape == (0, 24)
    assert some.decode(whole[:0]).shape == (0, 1536)


def test_the_path_is_the_best_of_all():
    """Eight symbols of one bit: the best of all 256 codes, found by trying each."""
    small = Trellis(
        np.array([0, 0, 0, 4, 4, 4, 2, 6], np.uint16), np.ones(8, np.float32), np.ones(15, np.float32), TRELLIS.tables
    )
    rows = np.random.default_rng(2).standard_normal((4, 8)).astype(np.float32)
    some = TrellisCodec(small, np.zeros(8, np.float32), np.ones(8, np.float32), 1)
    without_library(some)
    symbols = small.symbols(1)
    assert symbols.rungs.tolist() == [3] * 8
    every = np.arange(256, dtype=np.uint8)[:, None]
    windows = some._windows(np.unpackbits(every, axis=1))
    values = small.tables[2][0, 0][windows]  # (256, 8)
    errors = ((rows[:, None] - values[None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(some.encode(rows)[:, 0], errors.argmin(axis=1))


def test_scores_are_cosines_with_what_codes_stand_for():
    some = codec(32)
    codes = some.encode(ROWS)
    np.testing.assert_allclose(some.score(ROWS[:2], codes), ROWS[:2] @ some.decode(codes).T, atol=1e-6)


def test_the_cosets_split_what_leaves_and_what_enters_a_state():
    assert np.bincount(cosets()).tolist() == [128] * 4
    leaving = cosets().reshape(2, 256)
    assert (leaving[0] ^ leaving[1] == 2).all()
    assert (cosets().reshape(2, 2, 128)[:, 0] ^ cosets().reshape(2, 2, 128)[:, 1] == 2).all()


@pytest.mark.parametrize("size", [-1, 0, 7, 2049])
def test_other_sizes_are_wrong_use(size):
    with pytest.raises(UsageError, match=f"--bytes is {size}, expected 8 to 2048"):
        codec(size)


def test_a_codec_prints_in_one_line():
    assert repr(codec(128)) == "TrellisCodec(1536 dimensions, 128 bytes per row)"


def edited(**changes: object) -> Trellis:
    return dataclasses.replace(TRELLIS, **changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": np.array([1] * 8, np.uint16)}, "a step at dimension 1, which cannot get another bit"),
        ({"order": np.array([1536] * 8, np.uint16)}, "a step at dimension 1536, which cannot"),
        ({"order": np.array([0] * 16, np.uint16)}, "a step at dimension 0, which cannot"),
        ({"weights": TRELLIS.weights[:-1]}, "the trellis is not for 1536 dimensions"),
        ({"weights": TRELLIS.weights[::-1]}, "not above 0 and falling"),
        ({"gains": TRELLIS.gains[1:]}, "the trellis is not for 1536 dimensions"),
        ({"tables": TRELLIS.tables[1:]}, "other shapes than its rungs"),
    ],
)
def test_an_edited_trellis_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        edited(**change).check_width(1536)


def test_a_trellis_goes_out_and_comes_back():
    again = Trellis.from_document(TRELLIS.to_document())
    np.testing.assert_array_equal(again.order, TRELLIS.order)
    for mine, other in zip(again.tables, TRELLIS.tables, strict=True):
        np.testing.assert_array_equal(mine, other)
    again.check_width(1536)


def test_the_commands_write_codes_and_expand_them(run_command, tmp_path):
    from linguagen.runtime import Compressor, Expander

    model = "text-embedding-3-small-1536"
    vectors = Expander.load(model).expand(embeddings(40))
    np.save(tmp_path / "x.npy", vectors)
    done = run_command("lg-run", "compress", "x.npy", "--bytes", "100")
    assert done.stdout == "x.100bytes.npy\n"
    assert "40 x 1536 -> 40 x 100 bytes" in done.stderr
    codes, compressor = np.load(tmp_path / "x.100bytes.npy"), Compressor.load(model)
    assert (codes == compressor.byte_codec(100).encode(compressor.compress(vectors))).mean() > 0.95
    run_command("lg-run", "expand", "x.100bytes.npy", "-o", "y.npy")
    back = np.load(tmp_path / "y.npy")
    assert back.shape == (40, 1536)
    decoded = compressor.byte_codec(100).decode(codes)
    assert ((compressor.compress(back) * decoded).sum(axis=1) > 0.9998).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--bytes", "7"), "--bytes is 7, expected 8 to 2048"),
        (("--bytes", "64", "--to", "int8"), "--bytes is 64, and --to or --dim are given too"),
        (("--bytes", "64", "--model", "text-embedding-3-small-512"), "has no codes of 64 bytes; use one that has"),
    ],
)
def test_what_cannot_be_written_is_wrong_use(run_command, tmp_path, words, message):
    np.save(tmp_path / "x.npy", np.ones((2, 1536), np.float32))
    refused = run_command("lg-run", "compress", "x.npy", *words, code=2)
    assert message in " ".join(refused.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


def test_cut_codes_are_refused(run_command, tmp_path):
    np.save(tmp_path / "c.npy", codec(16).encode(ROWS))
    whole = (tmp_path / "c.npy").read_bytes()
    (tmp_path / "c.npy").write_bytes(whole[:-5])
    assert "c.npy" in run_command("lg-run", "expand", "c.npy", code=1).stderr
    np.save(tmp_path / "narrow.npy", np.zeros((2, 7), np.uint8))
    assert "--bytes is 7, expected 8 to 2048" in run_command("lg-run", "expand", "narrow.npy", code=2).stderr


@pytest.mark.shared
@pytest.mark.parametrize(("teacher", "least"), [("text-embedding-3-small", 0.898), ("text-embedding-ada-002", 0.906)])
def test_128_bytes_keep_what_is_promised_on_unseen_origins(run_command, shared, teacher, least):
    import json

    vectors = shared / "vectors" / teacher / "dev.npy"
    words = ("lg-run", "evaluate", vectors, "--json", "--bytes", "128", "--model", teacher)
    rows = json.loads(run_command(*words).stdout)
    assert rows[0]["kind"] == "trellis"
    assert rows[0]["recall"] >= least
