import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from linguagen.models.errors import UsageError
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.runtime import Compressor
from linguagen.runtime.codes.codec import INT4_STEP, KINDS, Codec, rotation_matrix, truncate
from linguagen.runtime.measure.fidelity import nearest_neighbours, recall_per_row


def embeddings(rows: int = 400, dim: int = 32, seed: int = 0) -> np.ndarray:
    """Unit rows with a mean, a falling spectrum and groups of neighbours."""
    generator = np.random.default_rng(seed)
    groups = generator.standard_normal((rows // 8, dim)).repeat(8, axis=0)
    made = (groups + 0.6 * generator.standard_normal((rows, dim))) * np.linspace(1.0, 0.3, dim) + 0.4
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


SIGNS = [1, -1, 1, 1, 1, 1, -1, 1, -1, -1, -1, 1]
"""Of the first dimensions, as xorshift32 from 20240720 gives them in C."""
ROWS = embeddings()
MOMENTS = EmbeddingMoments.of(ROWS)


@pytest.mark.parametrize(
    ("kind", "columns", "dtype"),
    [
        ("float32", 32, np.float32),
        ("float16", 32, np.float16),
        ("int8", 32, np.int8),
        ("uint8", 32, np.uint8),
        ("int4", 16, np.uint8),
        ("e8", 4, np.uint8),
        ("binary", 4, np.int8),
        ("ubinary", 4, np.uint8),
    ],
)
def test_each_kind_has_its_type_and_size(kind, columns, dtype):
    codec = Codec.make(kind, 32, MOMENTS)
    codes = codec.encode(ROWS)
    assert codes.shape == (400, columns) == (400, codec.columns)
    assert codes.dtype == dtype == codec.dtype
    assert codes[0].nbytes == codec.bytes_per_row


@pytest.mark.parametrize(("kind", "error"), [("float16", 1e-3), ("int8", 0.015), ("uint8", 0.015), ("int4", 0.15)])
def test_decoded_codes_are_near_the_embeddings(kind, error):
    codec = Codec.make(kind, 32, MOMENTS)
    decoded = codec.decode(codec.encode(ROWS))
    assert np.linalg.norm(decoded - ROWS, axis=1).mean() < error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [32, 16])
def test_scores_are_products_with_the_decoded_codes(kind, dim):
    codec = Codec.make(kind, dim, MOMENTS)
    codes = codec.encode(ROWS)
    wanted = truncate(ROWS[:5], dim) @ codec.decode(codes).T
    np.testing.assert_allclose(codec.score(ROWS[:5], codes), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "least"), [("float16", 0.99), ("int8", 0.98), ("int4", 0.85), ("e8", 0.5), ("ubinary", 0.45)]
)
def test_float_queries_find_coded_neighbours(kind, least):
    codec = Codec.make(kind, 32, MOMENTS)
    exact = nearest_neighbours(ROWS, 10)
    found = nearest_neighbours(ROWS, 10, codec.decode(codec.encode(ROWS)), same=True)
    assert recall_per_row(exact, found).mean() >= least


@pytest.mark.parametrize("kind", KINDS)
def test_what_codes_stand_for_has_length_one(kind):
    codec = Codec.make(kind, 32, MOMENTS)
    tolerance = 1e-3 if kind == "float16" else 1e-5
    np.testing.assert_allclose(np.linalg.norm(codec.decode(codec.encode(ROWS)), axis=1), 1, atol=tolerance)


def test_int8_codes_can_be_compared_as_they_are():
    """A database computes with the codes themselves: their cosines and distances must be the embeddings'."""
    rows = embeddings(dim=64)
    moments = EmbeddingMoments.of(rows)
    signed, unsigned = (Codec.make(kind, 64, moments).encode(rows).astype(np.float32) for kind in ("int8", "uint8"))
    exact = nearest_neighbours(rows, 10)
    cosines = signed / np.linalg.norm(signed, axis=1, keepdims=True)
    np.testing.assert_allclose(cosines @ cosines.T, rows @ rows.T, atol=0.01)
    assert recall_per_row(exact, nearest_neighbours(cosines, 10)).mean() >= 0.98
    distances = np.linalg.norm(unsigned[:, None] - unsigned[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert recall_per_row(exact, np.argpartition(distances, 9, axis=1)[:, :10]).mean() >= 0.98


def test_signed_and_unsigned_kinds_say_the_same():
    signed, unsigned = (Codec.make(kind, 32, MOMENTS).encode(ROWS).astype(int) for kind in ("int8", "uint8"))
    np.testing.assert_array_equal(unsigned, signed + 128)
    binary, ubinary = (Codec.make(kind, 32, MOMENTS).encode(ROWS).astype(int) for kind in ("binary", "ubinary"))
    np.testing.assert_array_equal(ubinary, binary + 128)


def test_bits_and_nibbles_lie_where_the_documentation_says():
    codec = Codec.make("ubinary", 8, EmbeddingMoments(np.zeros(8, np.float32), np.eye(8, dtype=np.float32)))
    plain = Codec(codec.kind, 8, codec.mean, codec.deviation, None)
    row = np.float32([[1, -1, -1, -1, -1, -1, -1, 1]])
    assert plain.encode(row).tolist() == [[0b10000001]]
    nibbles = Codec("int4", 8, codec.mean, np.full(8, 1 / INT4_STEP, np.float32), None)
    assert nibbles.encode(np.float32([[-7.5, 7.5, 0.5, -7.5, 0.5, 0.5, 100, -100]])).tolist() == [
        [0xF0, 0x08, 0x88, 0x0F]
    ]


def test_the_int4_step_is_the_best_for_a_gaussian():
    """Golden answer: numeric integration of the squared error of 16 uniform levels."""

    def error(step: float) -> float:
        edges = np.concatenate([[-12], (np.arange(15) - 7) * step, [12]])
        levels = (np.arange(16) - 7.5) * step
        return sum(
            quad(lambda x, level=level: (x - level) ** 2 * norm.pdf(x), low, high)[0]
            for level, low, high in zip(levels, edges[:-1], edges[1:], strict=True)
        )

    assert error(INT4_STEP) < min(error(INT4_STEP - 0.005), error(INT4_STEP + 0.005))


@given(st.integers(1, 64))
def test_rotations_are_rotations(dim):
    rotation = rotation_matrix(dim)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(dim), atol=1e-5)


def test_the_rotation_is_scipys_cosine_transform_of_signed_rows():
    from scipy.fft import dct

    rows = np.random.default_rng(0).standard_normal((5, 24)).astype(np.float32)
    signs = np.sign(rotation_matrix(24)[:, 0])
    np.testing.assert_allclose(rows @ rotation_matrix(24), dct(rows * signs, norm="ortho"), atol=1e-5)
    assert signs[:12].tolist() == SIGNS


def test_a_cut_embedding_has_length_one_and_moments_of_its_own():
    short = truncate(ROWS, 8)
    np.testing.assert_allclose(np.linalg.norm(short, axis=1), 1, atol=1e-6)
    mean, covariance = MOMENTS.leading(8)
    np.testing.assert_allclose(mean, short.mean(axis=0), atol=0.05)
    assert np.trace(covariance) + mean @ mean == pytest.approx(1, abs=1e-4)
    assert truncate(ROWS, 32) is ROWS


@pytest.mark.parametrize(
    ("kind", "dim", "message"),
    [
        ("int3", 32, "kind is 'int3', expected one of float32, float16, int8, uint8, int4, e8, binary, ubinary"),
        ("int8", 33, "--dim is 33, expected 1 to 32: the model has no more"),
        ("int8", 0, "--dim is 0, expected 1 to 32"),
        ("binary", 12, "--dim is 12, which does not fill whole bytes as binary; choose a multiple of 8"),
        ("e8", 12, "--dim is 12, which does not fill whole bytes as e8; choose a multiple of 8"),
        ("int4", 3, "--dim is 3, which does not fill whole bytes as int4; choose a multiple of 8"),
    ],
)
def test_kinds_and_widths_that_do_not_fit_are_wrong_use(kind, dim, message):
    with pytest.raises(UsageError, match=message):
        Codec.make(kind, dim, MOMENTS)


def test_the_command_writes_codes_that_the_codec_reads(run_command, tiny, tmp_path, tiny_vectors):
    np.save(tmp_path / "v.npy", tiny_vectors)
    done = run_command("lg-run", "compress", "v.npy", "--model", tiny["int8"], "--to", "int4", "--dim", "4")
    assert done.stdout == "v.4.int4.npy\n"
    assert "300 x 48 -> 300 x 4 as int4" in done.stderr
    compressor = Compressor.load(tiny["int8"])
    codec = compressor.codec("int4", 4)
    np.testing.assert_array_equal(np.load(tmp_path / "v.4.int4.npy"), codec.encode(compressor.compress(tiny_vectors)))


def test_evaluate_compares_the_ways_to_spend_a_budget(run_command, tiny, tmp_path, tiny_vectors):
    import json

    np.save(tmp_path / "v.npy", tiny_vectors)
    words = ("lg-run", "evaluate", "v.npy", "--model", tiny["int8"], "--bytes", "8")
    shown = run_command(*words)
    assert shown.stdout.splitlines()[0].split() == ["dimensions", "x", "kind", "bytes", "recall@10"]
    rows = json.loads(run_command(*words, "--json").stdout)
    assert f"next: lg-run compress v.npy --dim {rows[0]['dim']} --to {rows[0]['kind']}" in shown.stderr
    assert sorted(row["kind"] for row in rows) == ["e8", "int4", "int8", "ubinary"]
    assert rows == sorted(rows, key=lambda row: -row["recall"])
    refused = run_command("lg-run", "evaluate", "v.npy", "--model", tiny["int8"], "--bytes", "0", code=2)
    assert "Invalid value for '--bytes'" in refused.stderr


@pytest.mark.shared
@pytest.mark.parametrize(("teacher", "least"), [("text-embedding-3-small", 0.915), ("text-embedding-ada-002", 0.925)])
def test_half_of_the_wide_model_stands_alone_and_256_bytes_keep_more(run_command, shared, teacher, least):
    import json

    vectors = shared / "vectors" / teacher / "dev.npy"
    words = ("lg-run", "evaluate", vectors, "--json", "--bytes", "256", "--model")
    narrow, wide = (json.loads(run_command(*words, name).stdout) for name in (teacher, f"{teacher}-512"))
    by_shape = {(row["dim"], row["kind"]): row["recall"] for row in wide}
    alone = next(row["recall"] for row in narrow if row["kind"] == "int8")
    assert by_shape[256, "int8"] >= alone - 0.003
    assert by_shape[512, "int4"] >= least


@pytest.mark.shared
@pytest.mark.parametrize("teacher", ["text-embedding-3-small", "text-embedding-ada-002"])
def test_int8_costs_next_to_nothing_on_real_vectors(run_command, shared, teacher):
    import json

    vectors = shared / "vectors" / teacher / "dev.npy"
    words = ("lg-run", "evaluate", vectors, "--model", teacher, "--json", "--bytes")
    by_kind = {row["kind"]: row["recall"] for row in json.loads(run_command(*words, "1024").stdout)}
    assert by_kind["int8"] >= by_kind["float32"] - 0.002
    assert by_kind["int4"] >= (0.850 if teacher == "text-embedding-3-small" else 0.860)
    assert by_kind["e8"] >= (0.710 if teacher == "text-embedding-3-small" else 0.740)  # 32 bytes
    assert by_kind["e8"] >= by_kind["ubinary"] + 0.005


def test_a_codec_prints_in_one_line():
    assert repr(Codec.make("int8", 32, MOMENTS)) == "Codec(int8, 32 dimensions, 32 bytes per row)"
