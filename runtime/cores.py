"""How many CPU cores this process may use."""

import os
from pathlib import Path


def usable_cores() -> int:
    """CPU cores that this process may use: by its affinity and by the CPU quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _quota(Path("/sys/fs/cgroup/cpu.max")) or cores)


def _quota(path: Path) -> int | None:
    """Whole cores in a cgroup v2 `cpu.max` file ("200000 100000" is two); None if there is no limit."""
    try:
        limit, period = path.read_text().split()
        return max(1, int(limit) // int(period))
    except (OSError, ValueError):  # no such file, or "max 100000"
        return None
