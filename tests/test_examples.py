"""The examples, run as people run them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from linguagen.models.model_file import load_manifest
from linguagen.runtime import Compressor
from linguagen.runtime.sample import draw_vectors

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SHARDS, ROWS = 6, 1500


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    statistics = load_manifest("text-embedding-3-small").statistics
    drawn = np.concatenate(list(draw_vectors(statistics, SHARDS * ROWS, seed=7)))
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
