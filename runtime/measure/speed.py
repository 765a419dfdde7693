"""How fast a model runs on this machine, compared with the control graph and with numpy's matrix product."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linguagen.models.manifests.vectors import INPUT_NAME, OUTPUT_NAME
from linguagen.models.mixture import teacher_mixture
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.encoders.engine import Engine
from linguagen.runtime.measure.control_graph import control_graph
from linguagen.runtime.vectors import CHUNK_ROWS, Array
from linguagen.runtime.writing.sample import draw_vectors, write_sample

BATCHES = (1, 64, 1024, 16384)


@dataclass(frozen=True)
class BenchRow:
    """Timings of one batch size. Compare ratios from one run, since absolute times change with the machine's load."""

    batch: int
    median_us: float
    p99_us: float
    rows_per_second: float
    control_ratio: float
    """Rows per second divided by those of a bare linear int8 layer in onnxruntime, on the same rows and threads."""
    numpy_ratio: float
    """Rows per second divided by those of numpy's float32 matrix product."""
    overhead_us: float
    """Median time of `compress` minus that of its onnxruntime call: what checks and Python cost."""


@dataclass(frozen=True)
class FileRow:
    """Timings of `lg-run compress` on one file, in a process of its own."""

    rows: int
    rows_per_second: float
    session_ratio: float
    """Rows per second divided by those of bare onnxruntime calls on rows in memory, on the same threads."""
    peak_mb: float
    """Largest resident memory of the process, in 10**6 bytes."""


@dataclass(frozen=True)
class StartupRow:
    """Seconds that a new process needs before it can work."""

    import_seconds: float
    """`import linguagen.runtime`."""
    first_vector_seconds: float
    """From the start of the process to its first embedding."""


def bench(compressor: Compressor, batch: int, seconds: float, threads: int | None = None) -> BenchRow:
    """Time one batch size; the model and its controls take turns, so that all see the same load.

    Args:
        compressor: the model.
        batch: rows per call.
        seconds: how long to measure, at least.
        threads: CPU threads of the control; give those of the compressor.
    """
    manifest = compressor.manifest
    rows = np.concatenate(list(draw_vectors(teacher_mixture(manifest), batch, seed=0)))  # (batch, input_dim)
    projection = np.random.default_rng(0).standard_normal((rows.shape[1], manifest.output_dim)).astype(np.float32)
    control = _control(manifest.input_dim, manifest.output_dim, threads)
    ours, linear, product = _alternate(
        [lambda: compressor.compress(rows), lambda: control.run(rows), lambda: rows @ projection], 0.6 * seconds
    )
    # In turns of two, so that both find the model's weights in the cache.
    whole, bare = _alternate([lambda: compressor.compress(rows), lambda: _bare(compressor, rows)], 0.4 * seconds)
    median = float(np.median(ours))
    return BenchRow(
        batch=batch,
        median_us=median * 1e6,
        p99_us=float(np.percentile(ours, 99)) * 1e6,
        rows_per_second=batch / median,
        control_ratio=float(np.median(linear)) / median,
        numpy_ratio=float(np.median(product)) / median,
        overhead_us=(float(np.median(whole)) - float(np.median(bare))) * 1e6,
    )


def bench_startup(model: str) -> StartupRow:
    """Start three processes that make one embedding each, and return the times of the fastest."""
    code = (
        "import time; start = time.perf_counter()\n"
        "import linguagen.runtime as runtime; print(time.perf_counter() - start)\n"
        f"import numpy; c = runtime.Compressor.load({model!r}); c.compress(numpy.eye(1, c.manifest.input_dim))"
    )
    imports, firsts = [], []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        firsts.append(time.perf_counter() - start)
        imports.append(float(done.stdout))
    return StartupRow(min(imports), min(firsts))


def bench_file(model: str, rows: int, threads: int | None, advance: Callable[[int], None]) -> FileRow:
    """Time `lg-run compress` on a file of synthetic vectors, which is written to the temporary folder and removed.

    Args:
        model: name or file of the model.
        rows: rows in the file, 6 KB each.
        threads: CPU threads; None for all cores that this process may use.
        advance: called with the number of rows just written.
    """
    with tempfile.TemporaryDirectory() as folder:
        vectors = Path(folder) / "vectors.npy"
        write_sample(vectors, rows, model, 0, advance)
        words = [sys.executable, "-m", "linguagen.runtime.measure.file_speed", str(vectors), model]
        words.append(str(threads or usable_cores()))
        done = subprocess.run(words, check=True, capture_output=True, text=True)
    seconds, bare, peak = map(float, done.stdout.split())
    return FileRow(rows, rows / seconds, bare / seconds, peak)


def bare_seconds(compressor: Compressor, rows: Array) -> float:
    """Seconds that bare onnxruntime calls take on rows (rows, input_dim) in memory; the fastest of three rounds."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        _bare(compressor, rows)
        times.append(time.perf_counter() - start)
    return min(times)


def _bare(compressor: Compressor, rows: Array) -> Array:
    """Make the onnxruntime calls of `compress` on rows (rows, input_dim) and return the last result (chunk, dim)."""
    for place in range(0, len(rows), CHUNK_ROWS):
        last = compressor.run(rows[place : place + CHUNK_ROWS])
    return last


def _control(width: int, dim: int, threads: int | None) -> Engine:
    """The control graph, loaded."""
    engine = Engine(control_graph(width, dim), "control", [(INPUT_NAME, width), (OUTPUT_NAME, dim)], "cpu", threads)
    engine.load()
    return engine


def _alternate(calls: Sequence[Callable[[], Array]], seconds: float) -> list[list[float]]:
    """Time calls that take turns, and return a list of seconds per call; three warm-up rounds do not count."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(3):
        for call in calls:
            call()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 3:
        for call, kept in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            kept.append(time.perf_counter() - start)
    return times
