"""Times the compression of one file, in a process of its own so that its peak memory can be read; see speed.py.

python -m linguagen.runtime.measure.file_speed VECTORS MODEL THREADS
"""

import itertools
import sys
import time
from pathlib import Path

import numpy as np

from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.encoders.tasks import compress_task
from linguagen.runtime.measure.speed import bare_seconds
from linguagen.runtime.reading.array_files import open_npy
from linguagen.runtime.vectors import CHUNK_ROWS
from linguagen.runtime.writing.process import process_file

_BARE_WINDOWS = 32
"""Windows of rows held in memory, 200 MB: more than a cache holds."""


def main(path: str, model: str, threads: int) -> None:
    """Print the seconds for the file, the seconds of bare calls for as many rows, and the peak memory in MB."""
    compressor = Compressor.load(model, device="cpu", threads=1)
    source = open_npy(Path(path), compressor.manifest.input_dim)
    start = time.perf_counter()
    task = compress_task(compressor, compressor.codec())
    process_file(task, source, Path(path).with_suffix(".out.npy"), lambda _: None, threads)
    seconds, peak = time.perf_counter() - start, peak_mb()
    windows = itertools.islice(source.chunks(CHUNK_ROWS), _BARE_WINDOWS)
    rows = np.concatenate([window for _, window in windows])
    bare = bare_seconds(Compressor.load(model, device="cpu", threads=threads), rows) * len(source) / len(rows)
    print(seconds, bare, peak)


def peak_mb() -> float:
    """Largest resident memory of this process so far, in 10**6 bytes; NaN on systems without /proc.

    This is not `ru_maxrss`, which a process inherits from the one that started it.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
