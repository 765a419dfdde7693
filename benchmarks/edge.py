"""Rows a second and first vectors in Python, Node and Chromium, in one run: the table of docs/edge.md.

make page && python tests/benchmarks/edge.py
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from linguagen.models.model_file import load_manifest
from linguagen.runtime import Compressor
from linguagen.runtime.measure.speed import bench_startup
from linguagen.runtime.writing.sample import draw_vectors

JS = Path(__file__).resolve().parents[2] / "js"
MODEL, ROWS, ROUNDS = "text-embedding-3-small", 4096, 3


def python_speed(rows: np.ndarray, threads: int) -> float:
    compressor = Compressor.load(MODEL, threads=threads)
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        compressor.compress(rows)
        times.append(time.perf_counter() - start)
    return len(rows) / min(times)


def node_speed(folder: Path, engine: str, threads: int) -> tuple[float, float]:
    """Rows a second, and seconds from the start of a process to its first vector."""
    words = ["node", JS / "test" / "speed.mjs", engine, str(threads), folder / "rows.bin", str(ROUNDS)]
    done = subprocess.run(words, cwd=JS, capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout)
    return measured["rows_per_second"], measured["first_seconds"]


def chromium_speed(folder: Path) -> tuple[float, float]:
    lg_run = Path(sys.executable).parent / "lg-run"
    server = subprocess.Popen([lg_run, "demo", "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = server.stdout.readline().strip()
    speeds, firsts = [], []
    for _ in range(ROUNDS):
        words = ["node", JS / "test" / "page.browser.mjs", address, folder / "rows.npy", folder]
        subprocess.run(words, cwd=JS, check=True)
        measured = json.loads((folder / "measured.json").read_text())
        speeds.append(int(measured["facts"]["speed"].split()[0].replace(",", "")))
        firsts.append(measured["first_vector_ms"] / 1000)
    server.terminate()
    return max(speeds), min(firsts)


def main() -> None:
    rows = np.concatenate(list(draw_vectors(load_manifest(MODEL).statistics, ROWS, seed=0)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "rows.npy", rows)
        rows.astype("<f4").tofile(folder / "rows.bin")
        one = python_speed(rows, 1)
        lines: list[tuple[str, float, float | None]] = [
            ("Python, one thread", one, bench_startup(MODEL).first_vector_seconds),
            ("Python, two threads", python_speed(rows, 2), None),
        ]
        for engine, threads in (("onnxruntime-node", 1), ("onnxruntime-node", 2), ("onnxruntime-web", 1)):
            speed, first = node_speed(folder, engine, threads)
            lines.append((f"Node, {engine}, {('one thread', 'two threads')[threads - 1]}", speed, first))
        lines.append(("Chromium, WebAssembly, one thread", *chromium_speed(folder)))
    print("| where | rows/s beside Python's one thread | first vector |\n|---|---|---|")
    for where, speed, first in lines:
        shown = "" if first is None else f"{first:.2f} s"
        print(f"| {where} | {speed / one:.2f} | {shown} |")


if __name__ == "__main__":
    main()
