"""The trellis in C against the Python runtime: the same bytes, in every build that can run here."""

import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from c.builds import SANITIZERS, compile_driver, need, wasm_driver

from linguagen.models.model_file import load_manifest
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.vectors import normalized

DRIVER = Path(__file__).resolve().parent / "trellis_driver.c"
BUILDS = {"cc": ("cc",), "scalar": ("cc", "-DLG_ONLY_SCALAR"), "sanitized": ("cc", *SANITIZERS), "clang": ("clang",)}
EMULATED = {"aarch64": ("aarch64-linux-gnu-gcc", "qemu-aarch64"), "armv7": ("arm-linux-gnueabihf-gcc", "qemu-arm")}
WEBASSEMBLY = {"webassembly": (), "webassembly-simd": ("-msimd128",)}
MANIFEST = load_manifest("text-embedding-ada-002-1536")
MOMENTS = MANIFEST.embedding_moments


@pytest.fixture(scope="module", params=[*BUILDS, *EMULATED, *WEBASSEMBLY])
def program(request, tmp_path_factory) -> tuple[str, ...]:
    """The words that run the driver."""
    folder = tmp_path_factory.mktemp("trellis")
    if request.param in WEBASSEMBLY:
        return wasm_driver(folder, DRIVER, *WEBASSEMBLY[request.param])
    if request.param in EMULATED:
        compiler, emulator = EMULATED[request.param]
        need(compiler, emulator)
        words = ("-static", "-ffp-contract=off")
        return emulator, str(compile_driver(folder / "driver", *words, compiler=compiler, driver=DRIVER))
    compiler, *options = BUILDS[request.param]
    need(compiler)
    return (str(compile_driver(folder / "driver", *options, compiler=compiler, driver=DRIVER)),)


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("table") / "trellis"
    path.write_bytes(blob(MANIFEST.trellis.order))
    return path


def blob(order: np.ndarray) -> bytes:
    trellis = MANIFEST.trellis
    floats = (MOMENTS.mean, MOMENTS.deviation, trellis.weights, trellis.gains, *trellis.tables)
    sizes = struct.pack("<II", len(MOMENTS.mean), len(order))
    return sizes + b"".join(each.astype("<f4").tobytes() for each in floats) + order.astype("<u2").tobytes()


def run(program: tuple[str, ...], file: Path, task: str, size: int, data: bytes, code: int = 0) -> bytes:
    done = subprocess.run([*program, file, task, str(size)], input=data, capture_output=True, timeout=200)
    assert done.returncode == code, done.stderr
    return done.stdout


def rows(count: int) -> np.ndarray:
    samples = np.random.default_rng(1).standard_normal((count, 1536)).astype(np.float32)
    return normalized(samples * MOMENTS.deviation + MOMENTS.mean)


@pytest.mark.parametrize("size", [8, 11, 32, 128, 333, 1024, 2048])
def test_the_bytes_are_those_of_python(program, file, size):
    embeddings, codec = rows(4), TrellisCodec.make(size, MANIFEST.trellis, MOMENTS)
    codes = codec.encode(embeddings)
    assert run(program, file, "encode", size, embeddings.tobytes()) == codes.tobytes()
    decoded = np.frombuffer(run(program, file, "decode", size, codes.tobytes()), "<f4").reshape(-1, 1536)
    np.testing.assert_allclose(decoded, codec.decode(codes), atol=1e-6)


@pytest.mark.parametrize(("size", "count"), [(24, 2400), (128, 2100), (300, 2049), (2048, 5)])
def test_a_search_finds_what_scores_say(program, file, size, count):
    codec = TrellisCodec.make(size, MANIFEST.trellis, MOMENTS)
    query, generator = rows(3), np.random.default_rng(size)
    codes = np.concatenate([codec.encode(query), generator.integers(0, 256, (count - 3, size), dtype=np.uint8)])
    found = np.frombuffer(
        run(program, file, "search", size, query[:1].tobytes() + codes.tobytes()), [("row", "<u4"), ("cosine", "<f4")]
    )
    scores = codec.score(query[:1], codes)[0]
    assert found["row"].tolist() == np.argsort(-scores, kind="stable")[:5].tolist()
    np.testing.assert_allclose(found["cosine"], scores[found["row"]], atol=2e-5)


def test_a_query_without_direction_is_refused(program, file):
    run(program, file, "search", 16, bytes(1536 * 4 + 80), code=6)


@pytest.mark.parametrize("size", [0, 7, 2049])
def test_other_sizes_are_refused(program, file, size):
    run(program, file, "encode", size, rows(1).tobytes(), code=1)


def test_rows_that_are_not_finite_are_refused(program, file):
    run(program, file, "encode", 16, np.full(1536, np.nan, np.float32).tobytes(), code=5)


@pytest.mark.parametrize("steps", [[1], [1536], [0] * 16, [65535]])
def test_a_step_that_leads_nowhere_is_refused(program, tmp_path, steps):
    (tmp_path / "trellis").write_bytes(blob(np.array((steps * 16)[:16], np.uint16)))
    run(program, tmp_path / "trellis", "encode", 8, rows(1).tobytes(), code=1)
