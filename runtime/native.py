"""The C library inside Python, which an installation may lack: then numpy and onnxruntime do all the work."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache


@cache
def has_library() -> bool:
    """Whether this installation has the extension module `linguagen._c`."""
    try:
        import linguagen._c  # noqa: F401
    except ImportError:
        return False
    return True


def run_parts(work: Callable[[int, int], None], rows: int, threads: int, least: int) -> None:
    """Call `work(first, end)` for consecutive parts of some rows, at the same time on several threads.

    Args:
        work: a function that releases the GIL.
        rows: how many rows there are.
        threads: parts, at most.
        least: rows in a part, at least, since a thread takes time to start.
    """
    parts = max(1, min(threads, rows // least))
    bounds = [rows * part // parts for part in range(parts + 1)]
    if parts == 1:
        work(0, rows)
        return
    with ThreadPoolExecutor(parts) as pool:
        list(pool.map(work, bounds[:-1], bounds[1:]))
