"""The real vectors that figures are measured on: ../shared/vectors, one folder a teacher."""

from pathlib import Path

import numpy as np

TEACHERS = ("text-embedding-3-small", "text-embedding-ada-002")
SHARED = Path(__file__).resolve().parents[2] / "shared"
VECTORS = SHARED / "vectors"


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows (n, width) as float32, each scaled to length 1."""
    wide = rows.astype(np.float32)
    return np.ascontiguousarray(wide / np.linalg.norm(wide, axis=1, keepdims=True))


def load_part(teacher: str, part: str) -> np.ndarray:
    """Vectors (n, 1536) of a teacher's `train`, `train-2` or `dev` part, each of length 1."""
    return unit(np.load(VECTORS / teacher / f"{part}.npy"))


def load_training(teacher: str) -> np.ndarray:
    """All vectors (n, 1536) that a teacher's shipped models are trained on, each of length 1."""
    return np.concatenate([load_part(teacher, part) for part in ("train", "train-2")])


def load_origins(teacher: str) -> np.ndarray:
    """For each training vector of a teacher (n,) the number of the origin that it comes from."""
    return np.asarray(np.load(VECTORS / teacher / "train-source.npy"))


def largest_first(origins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each origin once, the one with most rows first, and the rows of each."""
    names, counts = np.unique(origins, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return names[order], counts[order]


def deal_groups(origins: np.ndarray, groups: int) -> list[tuple[int, ...]]:
    """The origins, largest first, dealt in turn to a number of groups."""
    names, _ = largest_first(origins)
    return [tuple(int(name) for name in names[group::groups]) for group in range(groups)]


def deal_folds(origins: np.ndarray, folds: int) -> np.ndarray:
    """The fold of every row (n,): origins, largest first, each go to the fold that has fewest rows."""
    sizes, fold_of = np.zeros(folds, int), {}
    for origin, count in zip(*largest_first(origins), strict=True):
        fold = int(np.argmin(sizes))
        fold_of[origin] = fold
        sizes[fold] += count
    return np.array([fold_of[origin] for origin in origins])
