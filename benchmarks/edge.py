"""Rows a second and first vectors in Python, Node and Chromium, in one run: the table of docs/results/edge.md.

make page && python -m benchmarks.edge
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.pages import RESULTS, table, write_block
from linguagen.models.mixture import teacher_mixture
from linguagen.models.model_file import load_manifest
from linguagen.runtime import Compressor
from linguagen.runtime.measure.speed import bench_startup
from linguagen.runtime.writing.sample import draw_vectors

JS = Path(__file__).resolve().parent.parent / "js"
MODEL, ROWS, ROUNDS = "text-embedding-3-small", 4096, 3


def python_speed(rows: np.ndarray, threads: int) -> float:
    """Rows (n, 1536) compressed a second."""
    compressor = Compressor.load(MODEL, threads=threads)
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        compressor.compress(rows)
        times.append(time.perf_counter() - start)
    return len(rows) / min(times)


def node_speed(folder: Path, engine: str, threads: int) -> tuple[float, float]:
    """Rows a second, and seconds from the start of a process to its first vector."""
    words = ["node", f"{JS}/test/speed.mjs", engine, str(threads), f"{folder}/rows.bin", str(ROUNDS)]
    done = subprocess.run(words, cwd=JS, capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout)
    return measured["rows_per_second"], measured["first_seconds"]


def chromium_speed(folder: Path) -> tuple[float, float]:
    """Rows a second on the page that lg-run demo serves, and seconds from its first request to its first vector."""
    lg_run = Path(sys.executable).parent / "lg-run"
    server = subprocess.Popen([lg_run, "demo", "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = server.stdout.readline().strip()
    speeds, firsts = [], []
    for _ in range(ROUNDS):
        words = ["node", f"{JS}/test/page.browser.mjs", address, f"{folder}/rows.npy", str(folder)]
        subprocess.run(words, cwd=JS, check=True)
        measured = json.loads((folder / "measured.json").read_text())
        speeds.append(int(measured["facts"]["speed"].split()[0].replace(",", "")))
        firsts.append(measured["first_vector_ms"] / 1000)
    server.terminate()
    return max(speeds), min(firsts)


def measure(folder: Path) -> list[tuple[str, float, float | None]]:
    """Where it runs, rows a second, and seconds to the first vector where a process starts for it."""
    rows = np.concatenate(list(draw_vectors(teacher_mixture(load_manifest(MODEL)), ROWS, seed=0)))
    np.save(folder / "rows.npy", rows)
    rows.astype("<f4").tofile(folder / "rows.bin")
    found: list[tuple[str, float, float | None]] = [
        ("Python, one thread", python_speed(rows, 1), bench_startup(MODEL).first_vector_seconds),
        ("Python, two threads", python_speed(rows, 2), None),
    ]
    for engine, threads in (("onnxruntime-node", 1), ("onnxruntime-node", 2), ("onnxruntime-web", 1)):
        found.append(
            (f"Node, {engine}, {('one thread', 'two threads')[threads - 1]}", *node_speed(folder, engine, threads))
        )
    return [*found, ("Chromium, WebAssembly, one thread", *chromium_speed(folder))]


def section(measured: list[tuple[str, float, float | None]]) -> str:
    """The block of docs/results/edge.md."""
    one = measured[0][1]
    rows = [
        [where, f"{speed / one:.2f}", "" if first is None else f"{first:.2f} s"] for where, speed, first in measured
    ]
    head = ["where", "rows/s over Python's one thread", "first vector"]
    return f"## Speed and start\n\nMade by `make page && python -m benchmarks.edge`.\n\n{table(head, rows)}"


def main() -> None:
    """Measure and write the block."""
    with tempfile.TemporaryDirectory() as folder:
        text = section(measure(Path(folder)))
    print(text)
    write_block(RESULTS / "edge.md", "edge", text)


if __name__ == "__main__":
    main()
