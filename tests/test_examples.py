"""The examples, run as people run them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from make_tiny_model import tiny_vectors

from linguagen.models.mixture import teacher_mixture
from linguagen.models.model_file import load_manifest
from linguagen.runtime import Compressor
from linguagen.runtime.writing.sample import draw_vectors

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SHARDS, ROWS = 6, 1500


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    mixture = teacher_mixture(load_manifest("text-embedding-3-small"))
    drawn = np.concatenate(list(draw_vectors(mixture, SHARDS * ROWS, seed=7)))
    for number in range(SHARDS):
        rows = drawn[number * ROWS : (number + 1) * ROWS]
        ids = np.arange(number * ROWS, (number + 1) * ROWS)
        pyarrow.parquet.write_table(pyarrow.table({"id": ids, "embedding": list(rows)}), folder / f"{number}.parquet")
    return folder


def start(shards, target) -> subprocess.Popen[str]:
    words = [sys.executable, EXAMPLES / "ray_parquet.py", shards, target, "--workers", "2", "--to", "int8"]
    environment = os.environ | {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def workers(parent: int) -> list[int]:
    """Ray's worker processes that are compressing, below a process."""
    parents, found = {}, []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if (entry / "cmdline").read_bytes().startswith(b"ray::compress_shard"):
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return [process for process in found if parent in _ancestors(process, parents)]


def _ancestors(process: int, parents: dict[int, int]) -> set[int]:
    above = set()
    while process in parents and process not in above:
        above.add(process)
        process = parents[process]
    return above


@pytest.mark.timeout(280)
def test_shards_on_ray_survive_the_death_of_a_worker(shards, tmp_path):
    if not Path("/proc").is_dir():
        pytest.skip("workers are found through /proc")
    process, killed = start(shards, tmp_path), None
    while process.poll() is None and killed is None:
        for worker in workers(process.pid)[:1]:
            os.kill(worker, signal.SIGKILL)
            killed = worker
        time.sleep(0.002)
    output, talk = process.communicate(timeout=200)
    assert process.returncode == 0, talk
    assert killed is not None
    assert output.splitlines()[-1] == f"{SHARDS} shards compressed, 0 were done before"
    compressor = Compressor.load(threads=1)
    for number in range(SHARDS):
        given = pyarrow.parquet.read_table(shards / f"{number}.parquet")
        found = pyarrow.parquet.read_table(tmp_path / f"{number}.parquet")
        assert found["id"].to_pylist() == given["id"].to_pylist()
        wanted = compressor.codec("int8").encode(compressor.compress(np.stack(given["embedding"].to_numpy())))
        assert (np.stack(found["embedding"].to_numpy()) == wanted).mean() > 0.999
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert sorted(manifest["shards"]) == [f"{number}.parquet" for number in range(SHARDS)]

    (tmp_path / "2.parquet").write_bytes(b"damaged")
    again, talk = start(shards, tmp_path).communicate(timeout=200)
    assert again.splitlines()[-1] == f"1 shards compressed, {SHARDS - 1} were done before", talk
    assert json.loads((tmp_path / "manifest.json").read_text()) == manifest


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("edge")
    mixture = teacher_mixture(load_manifest("text-embedding-3-small"))
    drawn = np.concatenate(list(draw_vectors(mixture, 10_000, seed=3)))
    np.save(folder / "vectors.npy", drawn)
    np.save(folder / "queries.npy", drawn[::500])
    return folder


def found_beside_exact(output: str, folder: Path) -> float:
    """Recall@10 of the rows that an example printed, by the embeddings' own cosines."""
    from linguagen.runtime.measure.fidelity import nearest_neighbours, recall_per_row

    compressor = Compressor.load()
    vectors, queries = (compressor.compress(np.load(folder / f"{name}.npy")) for name in ("vectors", "queries"))
    found = np.array([list(map(int, line.split())) for line in output.splitlines()])
    assert found.shape == (20, 10)
    return float(recall_per_row(nearest_neighbours(queries, 10, vectors), found).mean())


def test_search_in_one_sqlite_file(ten_thousand):
    words = [sys.executable, EXAMPLES / "edge" / "search_sqlite.py"]
    run = {"cwd": ten_thousand, "capture_output": True, "text": True, "check": True}
    built = subprocess.run([*words, "build", "vectors.npy", "documents.sqlite"], **run).stdout
    assert built.startswith("10000 rows, ")
    assert float(built.split()[2]) < 5
    asked = subprocess.run([*words, "ask", "queries.npy", "documents.sqlite"], **run).stdout
    assert found_beside_exact(asked, ten_thousand) >= 0.97


def run_node(words: list, folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stderr[-4000:]}"
    return done.stdout


def test_the_same_search_in_node(ten_thousand):
    js = EXAMPLES.parent / "js"
    node = shutil.which("node")
    if node is None or not (js / "node_modules").is_dir():
        message = "no node, or no packages: cd js && npm ci"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    # As npm install would lay them out; into a folder of its own, since other tests run at the same time.
    packages = ten_thousand / "node_modules"
    run_node([node, "build.mjs", packages / "linguagen" / "dist"], js)
    shutil.copy(js / "package.json", packages / "linguagen")
    for name in ("sql.js", "onnxruntime-node", "onnxruntime-common"):
        (packages / name).symlink_to(js / "node_modules" / name)
    shutil.copy(EXAMPLES / "edge" / "search_node.mjs", ten_thousand)
    model = EXAMPLES.parent / "models" / "shipped" / "text-embedding-3-small.onnx"
    words = [node, "search_node.mjs"]
    built = run_node([*words, "build", model, "vectors.npy", "node.sqlite"], ten_thousand)
    assert built.startswith("10000 rows, ")
    asked = run_node([*words, "ask", model, "queries.npy", "node.sqlite"], ten_thousand)
    assert found_beside_exact(asked, ten_thousand) >= 0.97


@pytest.mark.timeout(280)
def test_the_smallest_deployment_compresses(ten_thousand, wheel, tmp_path):
    words = [sys.executable, EXAMPLES / "edge" / "smallest" / "build.py", wheel, tmp_path / "small"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1].startswith("all ")
    assert float(shown.split()[-2]) < 200
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "small")}
    command = [
        sys.executable,
        "-S",
        tmp_path / "small" / "compress.py",
        ten_thousand / "queries.npy",
        tmp_path / "o.npy",
    ]
    subprocess.run(command, env=environment, check=True)
    wanted = Compressor.load().compress(np.load(ten_thousand / "queries.npy"))
    np.testing.assert_allclose(np.load(tmp_path / "o.npy"), wanted, atol=1e-5)


def test_pca_is_replaced_by_one_line(tiny, tmp_path):
    rows = tiny_vectors(500, seed=9)
    np.save(tmp_path / "v.npy", rows)
    np.save(tmp_path / "labels.npy", rows[:, 0] > np.median(rows[:, 0]))
    words = [sys.executable, EXAMPLES / "sklearn_pca.py", "v.npy", "labels.npy", "--components", "8"]
    done = subprocess.run(
        [*words, "--init", tiny["none"]], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    found = dict(re.findall(r"^(.+): accuracy ([\d.]+)$", done, re.MULTILINE))
    assert list(found) == ["as they are", "PCA", "LinguaGEN"]
    assert float(found["LinguaGEN"]) == pytest.approx(float(found["PCA"]), abs=0.15)
    assert "starting model" in done


def test_langchain_searches_in_memory_and_in_qdrant(tiny_text, tmp_path):
    (tmp_path / "d.txt").write_text("The dog sees the man.\nThe cat sleeps.\n\nA man is playing a guitar.\n")
    words = [sys.executable, EXAMPLES / "langchain_search.py", "d.txt", "The cat sleeps.", "--model", tiny_text["none"]]
    for more in ([], ["--qdrant", "found.qdrant"]):
        done = subprocess.run([*words, "-k", "1", *more], cwd=tmp_path, capture_output=True, text=True)
        assert done.stdout == "1.000  The cat sleeps.\n", done.stderr
