"""The npm package and the page against the Python runtime. They need node and Chromium; under CI both must be there."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from linguagen.export.c.writer import export_table
from linguagen.export.graph.model import with_manifest
from linguagen.export.vectors.fold import FoldedEncoder
from linguagen.export.vectors.graph import build_graph
from linguagen.models.catalogue import find_model
from linguagen.models.mixture import teacher_mixture
from linguagen.models.model_file import load_manifest
from linguagen.runtime import Compressor, TextEncoder
from linguagen.runtime.measure.fidelity import nearest_neighbours, recall_per_row
from linguagen.runtime.writing.sample import draw_vectors

JS = Path(__file__).resolve().parent.parent / "js"


def need(condition: bool, message: str) -> None:
    if not condition:
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    need(found is not None and (JS / "node_modules").is_dir(), "no node, or no packages: cd js && npm ci")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def real_vectors() -> np.ndarray:
    """1,000 real vectors, or drawn ones where there are none."""
    real = JS.parent.parent / "shared" / "vectors" / "text-embedding-3-small" / "dev.npy"
    if real.is_file():
        rows = np.load(real)[:1000].astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.concatenate(list(draw_vectors(teacher_mixture(load_manifest("text-embedding-3-small")), 1000, seed=1)))


@pytest.fixture(scope="module")
def float_model(tmp_path_factory) -> Path:
    """The shipped model's own weights as a float32 file."""
    path = tmp_path_factory.mktemp("float") / "model.onnx"
    graph = onnx.load(find_model("text-embedding-3-small")).graph
    stored = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    linear = (stored["linear_weight_int8"] * stored["linear_weight_scale"]).astype(np.float32)
    manifest = replace(load_manifest("text-embedding-3-small"), precision="float32")
    path.write_bytes(with_manifest(build_graph(FoldedEncoder(linear, (), stored["head_weight"])), manifest, {})[0])
    return path


@pytest.mark.timeout(280)
def test_the_npm_package_passes_its_tests_and_agrees_with_python(node, float_model, real_vectors, tmp_path):
    shared = JS.parent.parent / "shared" / "vectors"
    words = [sys.executable, JS / "test" / "expected.py", tmp_path, *([shared] if shared.is_dir() else [])]
    subprocess.run(words, check=True)
    real_vectors.astype("<f4").tofile(tmp_path / "float.vectors")
    Compressor.load(float_model).compress(real_vectors).astype("<f4").tofile(tmp_path / "float.embeddings")
    environment = os.environ | {"LINGUAGEN_EXPECTED": str(tmp_path), "LINGUAGEN_FLOAT": str(float_model)}
    done = subprocess.run(["npm", "test"], cwd=JS, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert re.search(r"skipped 0\b", done.stdout), done.stdout[-2000:]


@pytest.fixture(scope="module")
def page(node, tmp_path_factory) -> Path:
    """The built page."""
    need(shutil.which("chromium") is not None, "no chromium: apt-get install chromium")
    folder = tmp_path_factory.mktemp("page") / "demo"
    shutil.copytree(JS.parent / "docs" / "demo", folder, ignore=shutil.ignore_patterns("built"))
    # Into a folder of its own: other tests run at the same time.
    done = subprocess.run([node, "demo/build.mjs", folder / "built"], cwd=JS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    export_table(find_model("text-embedding-3-small"), "table", folder / "built" / "model.lgt")
    export_table(find_model("linguagen-en"), "table", folder / "built" / "text.lgt")
    return folder


LG_RUN = Path(sys.executable).parent / "lg-run"
STATIC_HOST = (sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory")


def visit(
    node: str, page: Path, vectors: np.ndarray, folder: Path, server_words: tuple[object, ...]
) -> tuple[dict, np.ndarray]:
    """Use the page in Chromium, as a server shows it; what it measured, and the embeddings that it let one download."""
    np.save(folder / "mine.npy", vectors)
    server = subprocess.Popen(
        [*map(str, server_words), page], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert server.stdout is not None
        found = re.search(r"http://[\d.:]+/", server.stdout.readline())
        assert found is not None
        address = found[0]
        words = [node, JS / "test" / "page.browser.mjs", address, folder / "mine.npy", folder]
        done = subprocess.run(words, cwd=JS, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr[-4000:]
    finally:
        server.terminate()
        server.communicate()
    return json.loads((folder / "measured.json").read_text()), np.load(folder / "embeddings.npy")


@pytest.mark.timeout(280)
def test_the_page_compresses_in_chromium_what_python_compresses(node, page, real_vectors, tmp_path):
    measured, found = visit(node, page, real_vectors, tmp_path, (LG_RUN, "demo", "--port", "0"))
    assert measured["name"] == "mine.256.npy"
    compressor = Compressor.load()
    wanted = compressor.compress(real_vectors)
    assert found.shape == (1000, 256)
    assert (found * wanted).sum(axis=1).min() > 0.999
    exact = nearest_neighbours(real_vectors, 10)
    there, here = (recall_per_row(exact, nearest_neighbours(each, 10)).mean() for each in (found, wanted))
    assert abs(there - here) <= 0.002
    codec = compressor.codec("int8")
    nearest = codec.search(wanted[5:6], codec.encode(wanted), 11)[0][0]
    names = [f"row {row} " for row in nearest if row != 5]
    shown = [re.sub(r"-?\d\.\d{3}.*", "", text) for text in measured["after"]]
    assert len(set(names) & set(shown)) >= 9, (names, measured["after"])
    texts = ["A man plays a guitar.", "The stock market fell.", "<b>Bread</b> with cheese"]
    encoder = TextEncoder.load("linguagen-en")
    cosines = encoder.embed(texts) @ encoder.embed(["someone makes music"])[0]
    order = np.argsort(-cosines, kind="stable")
    assert [text.split(" ", 1)[1] for text in measured["found"]] == [texts[place] for place in order]
    found_cosines = [float(text.split(" ", 1)[0]) for text in measured["found"]]
    np.testing.assert_allclose(found_cosines, cosines[order], atol=1e-3)
    # How fast is a benchmark's to say (benchmarks/edge.py): here other tests take the cores.
    assert measured["first_vector_ms"] > 0
    assert int(measured["facts"]["speed"].split()[0].replace(",", "")) > 0


@pytest.mark.timeout(280)
def test_a_static_host_and_a_float32_model_agree_with_python_to_four_places(
    node, page, float_model, real_vectors, tmp_path
):
    other = Path(shutil.copytree(page, tmp_path / "demo"))
    export_table(float_model, "table", other / "built" / "model.lgt")
    _, found = visit(node, other, real_vectors, tmp_path, STATIC_HOST)
    np.testing.assert_allclose(found, Compressor.load(float_model).compress(real_vectors), atol=1e-4)


def test_page_model_and_engine_take_less_than_two_and_a_half_megabytes(page):
    sizes = {path.name: path.stat().st_size for path in page.rglob("*") if path.is_file()}
    text_model = sizes.pop("text.lgt")
    assert set(sizes) == {"index.html", "demo.css", "page.js", "model.lgt", "sample.npy"}
    assert sum(sizes.values()) < 2_500_000, sizes
    engine = (JS / "src" / "linguagen.wasm").read_bytes()
    assert len(engine) <= 40 * 1024
    assert len(gzip.compress(engine, 9)) <= 16 * 1024
    assert f"{text_model / 1e6:.1f} MB" in (page / "index.html").read_text()


def test_the_page_may_ask_no_other_address(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', (page / "index.html").read_text())
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
    assert rules.pop("script-src") == "'self' 'wasm-unsafe-eval'"
    assert rules.pop("img-src") == "data:"  # the empty icon
    assert rules.pop("default-src") == "'none'"
    assert set(rules.values()) == {"'self'", "'none'"}


def test_the_demo_command_says_what_is_missing(run_command, tmp_path):
    (tmp_path / "empty").mkdir()
    done = run_command("lg-run", "demo", "empty", code=2)
    assert "error: empty holds no built page, which is not part of the installed package; in a checkout" in done.stderr


def test_the_demo_server_answers_with_files_alone(tmp_path):
    import urllib.error
    import urllib.request

    (tmp_path / "built").mkdir()
    (tmp_path / "built" / "page.js").write_text("1")
    (tmp_path / "built" / "model.lgt").write_bytes(b"x")
    server = subprocess.Popen(
        [LG_RUN, "demo", tmp_path, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    address = server.stdout.readline().strip()
    with urllib.request.urlopen(f"{address}built/page.js") as answer:
        assert answer.headers["Content-Type"] == "text/javascript"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
    for missing in ("built/", "../pyproject.toml"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}{missing}")
    taken = address.rsplit(":", 1)[1].strip("/")
    other = subprocess.run([LG_RUN, "demo", tmp_path, "--port", taken], capture_output=True, text=True)
    assert other.returncode == 2
    assert f"error: cannot listen on port {taken}: Address already in use; choose another with --port" in other.stderr
    server.send_signal(2)
    _, talk = server.communicate(timeout=20)
    assert server.returncode == 0
    assert "stopped" in talk
