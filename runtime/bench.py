"""How fast a model runs here, beside numpy doing the same linear map."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linguagen.runtime.compressor import Compressor
from linguagen.runtime.sample import draw_vectors
from linguagen.runtime.vectors import Array

BATCHES = (1, 64, 1024, 16384)


@dataclass(frozen=True)
class BenchRow:
    """Timings of one batch size. Compare ratios from one run; absolute numbers move with the machine's load."""

    batch: int
    median_us: float
    p99_us: float
    rows_per_second: float
    numpy_rows_per_second: float
    """numpy's float32 matrix product, input_dim x output_dim, on the same rows: the control."""


def bench(compressor: Compressor, batch: int, seconds: float) -> BenchRow:
    """Time one batch size, model and control taking turns so that both see the same machine.

    Args:
        compressor: the model.
        batch: rows per call.
        seconds: how long to measure, at least.
    """
    manifest = compressor.manifest
    rows = np.concatenate(list(draw_vectors(manifest.statistics, batch, seed=0)))  # (batch, input_dim)
    projection = np.ascontiguousarray(manifest.statistics.eigenvectors[:, : manifest.output_dim])
    ours, control = _alternate(lambda: compressor.compress(rows), lambda: rows @ projection, seconds)
    return BenchRow(
        batch=batch,
        median_us=float(np.median(ours)) * 1e6,
        p99_us=float(np.percentile(ours, 99)) * 1e6,
        rows_per_second=batch / float(np.median(ours)),
        numpy_rows_per_second=batch / float(np.median(control)),
    )


def _alternate(
    first: Callable[[], Array], second: Callable[[], Array], seconds: float
) -> tuple[list[float], list[float]]:
    """Seconds of each call, three warm-up rounds left out."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(3):
        first(), second()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 3:
        for call, kept in zip((first, second), times, strict=True):
            start = time.perf_counter()
            call()
            kept.append(time.perf_counter() - start)
    return times
