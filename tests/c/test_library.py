"""The C library against the Python runtime and against exact arithmetic, in every build that can run here."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from c.builds import DRIVER, KINDS, ROOT, SANITIZERS, C, Driver, compile_driver, need, wasm_driver, weights_of

from linguagen.export.c.writer import export_table
from linguagen.models.catalogue import find_model
from linguagen.runtime import Compressor
from linguagen.runtime.c.vector_table import code_widths
from linguagen.runtime.c.vector_weights import VectorWeights

MODELS = ("text-embedding-3-small", "text-embedding-ada-002")


@pytest.fixture(scope="module", params=MODELS)
def model(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def table(model, tmp_path_factory) -> Path:
    return export_table(find_model(model), "table", tmp_path_factory.mktemp("table") / "m.lgt").path


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    need("cc")
    return compile_driver(tmp_path_factory.mktemp("driver") / "driver")


@pytest.fixture(scope="module")
def driver(program, table) -> Driver:
    return Driver((str(program),), table)


@pytest.fixture(scope="module")
def vectors(model) -> np.ndarray:
    statistics = weights_of(find_model(model)).manifest.statistics
    generator = np.random.default_rng(5)
    factors = generator.standard_normal((200, len(statistics.eigenvalues))) * np.sqrt(statistics.eigenvalues)
    return unit(statistics.mean + factors @ statistics.eigenvectors.T)


@pytest.fixture(scope="module")
def embeddings(model, vectors) -> np.ndarray:
    return Compressor.load(model, threads=1).compress(vectors)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def exact(weights: VectorWeights, rows: np.ndarray) -> np.ndarray:
    """Embeddings (n, dim) of rows (n, width), with integer products in 64 bits and the rest in float64."""
    whole = np.round(rows / np.float32(weights.input_scale)).clip(-128, 127).astype(np.int64)
    wide = (whole @ weights.linear.T.astype(np.int64)) * (weights.input_scale * weights.scales.astype(float))
    wide = wide + rows[:, weights.outliers].astype(float) @ weights.outlier_weights
    dim = weights.manifest.output_dim
    u, v, g = np.split(wide[:, dim:], 3, axis=1)
    embeddings = wide[:, :dim] + (u * v / (1 + np.exp(-g))) @ weights.head
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


def nearest(rows: np.ndarray) -> np.ndarray:
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -2)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :10]


def test_embeddings_are_those_of_exact_arithmetic(model, driver, vectors):
    expected = exact(weights_of(find_model(model)), vectors)
    assert np.abs(driver.encode(vectors, 256) - expected).max() < 1e-5
    assert np.array_equal(driver.encode(vectors[:1], 256), driver.encode(vectors, 256)[:1])


@pytest.mark.shared
def test_real_vectors_keep_their_recall(model, driver, shared):
    rows = unit(np.load(shared / "vectors" / model / "dev.npy")[:1000].astype(np.float32))
    actual, expected = driver.encode(rows, 256), exact(weights_of(find_model(model)), rows)
    assert np.abs(actual - expected).max() < 1e-5
    truth, python = nearest(rows), Compressor.load(model, threads=1).compress(rows)
    recalls = [
        np.mean([len(set(a) & set(b)) / 10 for a, b in zip(truth, nearest(found), strict=True)])
        for found in (actual, expected, python)
    ]
    assert abs(recalls[0] - recalls[1]) < 5e-4
    assert abs(recalls[0] - recalls[2]) < 2e-3, "onnxruntime may cut sums of 8-bit weights off"


def test_any_length_is_scaled_as_the_runtime_does(driver, vectors):
    expected = driver.encode(vectors, 256)
    for factor in (3.0, 1e-20, 1e25):
        assert np.abs(driver.encode(vectors * np.float32(factor), 256) - expected).max() < 1e-3
    assert driver.encode(vectors[:0], 256).shape == (0, 256)


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [(0.0, 6, "row 41: a row holds only zeros"), (np.nan, 5, "row 41: a row holds NaN"), (np.inf, 5, "row 41: ")],
)
def test_rows_without_a_direction_are_refused_by_number(driver, vectors, embeddings, value, code, message):
    for good, words in ((vectors, ("encode",)), (embeddings, ("codes", KINDS.index("e8"), 256))):
        rows = good.copy()
        rows[41] = value
        done = driver.run(*words, given=rows.tobytes())
        assert (done.returncode, done.stdout) == (code, b"")
        assert message in done.stderr.decode()
    query = np.full(256, value, np.float32)
    assert driver.run("search", 2, 256, 3, 0, given=query.tobytes() + bytes(256)).returncode == code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [256, 64])
def test_codes_are_the_runtimes(model, driver, embeddings, kind, dim):
    """Python rotates in float32 and C in float64: a value halfway between two levels may get either."""
    codec = Compressor.load(model, threads=1).codec(kind, dim)
    expected, actual = codec.encode(embeddings), driver.codes(embeddings, codec)
    different = int((actual != expected).sum())
    if kind.startswith("float"):
        assert different == 0 or dim < 256
        assert np.abs(actual.astype(float) - expected.astype(float)).max() < (2.5e-7 if kind == "float32" else 3e-4)
    else:
        assert different <= expected.size / 1000, f"{different} of {expected.size}"
    assert np.abs(driver.decode(expected, codec) - codec.decode(expected)).max() < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_search_finds_what_scores_say(model, driver, embeddings, kind):
    codec = Compressor.load(model, threads=1).codec(kind, 256)
    codes = codec.encode(embeddings)
    scores = codec.score(embeddings[:5], codes)
    for query, expected in zip(embeddings[:5], scores, strict=True):
        best = np.argsort(-expected, kind="stable")[:10]
        for lengths in (True, False):
            rows, cosines = driver.search(query, codes, codec, 10, lengths)
            assert np.abs(cosines - expected[rows]).max() < 2e-5
            assert len(set(rows)) == 10
            # Rows may change places only if their scores are as good as equal.
            assert np.abs(expected[rows] - expected[best]).max() < 2e-5
    rows, _ = driver.search(embeddings[0], codes[:4], codec, 10)
    assert sorted(rows) == [0, 1, 2, 3]


def test_equal_codes_are_found_in_their_order(model, driver, embeddings):
    codec = Compressor.load(model, threads=1).codec("int8", 256)
    codes = codec.encode(embeddings)[[3] * 100]
    assert driver.search(embeddings[0], codes, codec, 5)[0] == [0, 1, 2, 3, 4]


def same_as(
    driver: Driver,
    other: Driver,
    model: str,
    vectors: np.ndarray,
    embeddings: np.ndarray,
    dims: tuple[int, ...] = (256, 32),
) -> None:
    """Two builds give the same embeddings, codes and hits, bit for bit."""
    assert np.array_equal(driver.encode(vectors, 256), other.encode(vectors, 256))
    compressor = Compressor.load(model, threads=1)
    for kind in KINDS:
        for dim in dims:
            codec = compressor.codec(kind, dim)
            codes = driver.codes(embeddings, codec)
            assert np.array_equal(codes, other.codes(embeddings, codec))
            if not kind.startswith("float"):  # whose sums of floats may be rounded in another order
                hits, others = (
                    driver.search(embeddings[7], codes, codec, 20),
                    other.search(embeddings[7], codes, codec, 20),
                )
                assert (hits[0], list(hits[1])) == (others[0], list(others[1]))


def test_plain_c_gives_the_same_bits(model, program, table, driver, vectors, embeddings):
    same_as(driver, Driver((str(program),), table, "scalar"), model, vectors, embeddings)


def test_extreme_codes_do_not_overflow(model, driver, program, table):
    codec = Compressor.load(model, threads=1).codec("int4", 256)
    codes = np.repeat(np.array([[0], [255], [240], [15]], np.uint8), 128, axis=1)
    scalar = Driver((str(program),), table, "scalar")
    for query in (unit(np.ones((1, 256)))[0], np.eye(256, dtype=np.float32)[0]):
        found = driver.search(query, codes, codec, 4)
        assert found[0] == scalar.search(query, codes, codec, 4)[0]
        assert np.abs(found[1] - codec.score(query[None], codes)[0][found[0]]).max() < 2e-5


def test_the_amalgamation_gives_the_same_bits(model, driver, table, vectors, embeddings, tmp_path):
    subprocess.run([sys.executable, C / "amalgamate.py", tmp_path], check=True, capture_output=True)
    program = compile_driver(tmp_path / "driver", sources=[tmp_path / "linguagen.c"])
    same_as(driver, Driver((str(program),), table), model, vectors, embeddings)


def test_clang_gives_the_same_bits(model, driver, table, vectors, embeddings, tmp_path):
    need("clang")
    program = compile_driver(tmp_path / "driver", compiler="clang")
    same_as(driver, Driver((str(program),), table), model, vectors, embeddings)


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory) -> Path:
    need("cc")
    return compile_driver(tmp_path_factory.mktemp("sanitized") / "driver", *SANITIZERS)


def test_sanitizers_find_nothing(model, sanitized, driver, table, vectors, embeddings):
    for kernels in ("best", "scalar"):
        checked = Driver((str(sanitized),), table, kernels)
        same_as(driver, checked, model, vectors[:40], embeddings[:70])
        for kind in KINDS:
            codec = Compressor.load(model, threads=1).codec(kind, 128)
            codes = checked.codes(embeddings, codec)
            checked.decode(codes, codec)
            checked.search(embeddings[0], codes, codec, 10, lengths=False)


ARM = [
    ("aarch64-linux-gnu-gcc", ("qemu-aarch64", "-cpu", "max"), "neon_dot"),
    ("aarch64-linux-gnu-gcc", ("qemu-aarch64", "-cpu", "cortex-a53"), "neon"),
    ("arm-linux-gnueabihf-gcc", ("qemu-arm",), "scalar"),
]


@pytest.mark.parametrize(("compiler", "emulator", "kernels"), ARM)
def test_arm_gives_the_same_bits(model, driver, table, vectors, embeddings, tmp_path, compiler, emulator, kernels):
    need(compiler, emulator[0])
    program = compile_driver(tmp_path / "driver", "-static", "-ffp-contract=off", compiler=compiler)
    other = Driver((*emulator, str(program)), table)
    assert other.output("kernels").decode() == kernels
    same_as(driver, other, model, vectors[:40], embeddings[:70], (256,))


@pytest.mark.parametrize(("options", "kernels"), [((), "scalar"), (("-msimd128",), "wasm")])
def test_webassembly_gives_the_same_bits(model, driver, table, vectors, embeddings, tmp_path, options, kernels):
    other = Driver(wasm_driver(tmp_path, DRIVER, *options), table)
    assert other.output("kernels").decode() == kernels
    same_as(driver, other, model, vectors[:40], embeddings[:70], (256, 32))


@pytest.mark.parametrize("precision", ["none", "int8"])
def test_models_of_odd_widths_run_too(program, tiny, tiny_vectors, tmp_path, precision):
    table = export_table(tiny[precision], "table", tmp_path / "tiny.lgt").path
    if precision == "none":
        expected = Compressor.load(tiny[precision], threads=1).compress(tiny_vectors)
    else:  # onnxruntime may cut sums of 8-bit weights off
        expected = exact(weights_of(tiny[precision]), tiny_vectors)
    actual = Driver((str(program),), table).encode(tiny_vectors, 8)
    assert np.abs(actual - expected).max() < 1e-5
    assert np.array_equal(actual[:1], Driver((str(program),), table).encode(tiny_vectors[:1], 8))
    assert code_widths(8) == [8]


def test_a_table_that_is_cut_edited_or_foreign_is_refused(program, table, tmp_path):
    data = table.read_bytes()
    path = tmp_path / "bad.lgt"

    def status(changed: bytes) -> int:
        path.write_bytes(changed)
        return Driver((str(program),), path).run("encode").returncode

    assert status(data) == 0
    assert status(b"") == status(b"\x08\x07" + data[2:]) == 2
    assert status(data[:8] + b"\x02" + data[9:]) == 3
    for length in (12, 100, 191, 192, len(data) - 64, len(data) - 1):
        assert status(data[:length]) == 4, length
    assert status(data + bytes(64)) == 4
    assert status(data[:12] + b"\x01" + data[13:]) == 7
    for place in (20, 24, 40, 70, 128, 144, 150, 160, 184, 500, len(data) - 1):
        assert status(data[:place] + bytes([data[place] ^ 64]) + data[place + 1 :]) == 4, place


def run_in(folder: Path, command: str) -> str:
    """What a command of the docs prints in a folder."""
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, env={"PATH": path})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("example", ["example.c", "example_text.c"])
def test_an_example_runs_as_its_first_lines_say(tmp_path, example):
    need("cc")
    (tmp_path / "c").symlink_to(C)
    commands = [line[7:] for line in (C / example).read_text().splitlines() if line.startswith(" *     ")]
    assert len(commands) == 3
    shown = [run_in(tmp_path, command) for command in commands][-1]
    guide = (ROOT / "docs" / "c.md").read_text()
    assert all(command in guide for command in commands)
    assert re.sub(r", \w+ kernels", "", shown) in re.sub(r", \w+ kernels", "", guide)


def test_an_empty_folder_needs_two_files_and_one_command(tmp_path):
    need("cc")
    run_in(tmp_path, "lg-export text-embedding-3-small --format table -o m.lgt")
    run_in(tmp_path, f"{sys.executable} {C}/amalgamate.py . && cp {C}/example.c .")
    command = "cc example.c linguagen.c -lm && ./a.out"
    assert "row 0, cosine 1.000\n" in run_in(tmp_path, command)
    assert f"`{command}`" in (ROOT / "docs" / "c.md").read_text()
