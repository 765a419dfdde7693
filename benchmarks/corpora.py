"""Fit single corpora, queries held out, beside each corpus's own PCA.

Every large source of a training set is a corpus in turn. What the fit may know of the teacher comes from the other
sources alone. A fifth of the corpus is held out: half of that chooses the closed form and when to stop, the other half is
what the table reports, its neighbours looked up in the rest of the corpus.

    python tests/benchmarks/corpora.py ../shared/vectors/text-embedding-3-small/train.npy
"""

import argparse
import json
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.runtime.measure.controls import PCA
from linguagen.runtime.measure.fidelity import difference_interval
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.vectors.closed_form import gather_moments
from linguagen.train.vectors.config import FIT_DEFAULTS, VectorRunConfig
from linguagen.train.vectors.loop import train


@dataclass(frozen=True)
class Job:
    vectors: str
    sources: tuple[int, ...]
    name: str
    device: str
    settings: tuple[tuple[str, Any], ...]


def list_corpora(path: str, least: int, most: int, groups: int) -> list[tuple[str, tuple[int, ...]]]:
    """The sources of `least` rows or more, the largest first; or the sources dealt to so many groups, by size."""
    sources = np.load(source_file(path))
    if groups:
        return [(f"group {number}", group) for number, group in enumerate(deal_sources(sources, groups))]
    names, counts = largest_first(sources)
    large = counts >= least
    return [(f"source {name}", (int(name),)) for name in names[large][:most]]


def deal_sources(sources: np.ndarray, groups: int) -> list[tuple[int, ...]]:
    """The sources of all rows, the largest first, dealt in turn to so many groups."""
    names, _ = largest_first(sources)
    return [tuple(int(name) for name in names[group::groups]) for group in range(groups)]


def largest_first(sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each source once, and its rows."""
    names, counts = np.unique(sources, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return names[order], counts[order]


def source_file(path: str) -> Path:
    return Path(path).with_name(f"{Path(path).stem}-source.npy")


def statistics_of(rows: np.ndarray, rank: int = 256) -> TeacherStatistics:
    """Statistics of vectors (rows, width), as a model file carries them."""
    return TeacherStatistics.from_moments(*gather_moments([rows], rows.shape[1]), rank)


def fit(job: Job) -> dict[str, Any]:
    """Fit one corpus; returns what the table needs."""
    torch.set_num_threads(1 if job.device == "cuda" else 2)
    vectors = np.load(job.vectors).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    mine = np.isin(np.load(source_file(job.vectors)), job.sources)
    prior = statistics_of(vectors[~mine])
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/corpus.npy", vectors[mine])
        settings = {"inputs": (f"{folder}/corpus.npy",), **FIT_DEFAULTS, **dict(job.settings)}
        config, run = VectorRunConfig.from_flat(settings), RunFolder(Path(folder) / "run")
        run.write_config(config)
        result = train(config, run, Processes(device=torch.device(job.device)), prior=prior)
        summary = json.loads(run.finished.read_text())
    assert result is not None
    pca = next(item for item in result.controls if item.row.method == PCA)
    low, high = difference_interval(result.model.recall_per_vector, pca.recall_per_vector)
    return {
        "corpus": job.name,
        "rows": int(mine.sum()),
        "low": 100 * low,
        "high": 100 * high,
        "fidelity": {item.row.method: asdict(item.row) for item in (result.model, *result.controls)},
        "share": summary["closed_form"]["teacher_share"],
        "best_step": summary["best_step"],
        "seconds": summary["seconds"],
    }


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| corpus | vectors | truncation | own PCA | closed form | fitted | above own PCA | reconstruction | kept step |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        figures = {name: value["recall"] for name, value in row["fidelity"].items()}
        cells = [figures[name] for name in ("truncation", "PCA", "closed form", "encoder")]
        above = f"{100 * (figures['encoder'] - figures['PCA']):+.1f} ({row['low']:+.1f} to {row['high']:+.1f})"
        back = row["fidelity"]["encoder"]["reconstruction"]
        lines.append(
            f"| {row['corpus']} | {row['rows']} | {' | '.join(f'{cell:.3f}' for cell in cells)} | {above} "
            f"| {back:.3f} | {row['best_step']} |"
        )
    gains = [100 * (row["fidelity"]["encoder"]["recall"] - row["fidelity"]["PCA"]["recall"]) for row in rows]
    seconds = [row["seconds"] for row in rows]
    return (
        "\n".join(lines)
        + f"\n\nMean gain {np.mean(gains):+.2f} points; {min(seconds):.0f} to {max(seconds):.0f} s each."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", help="a training file with its -source.npy beside it")
    parser.add_argument("--least", type=int, default=800, help="rows a source must have")
    parser.add_argument("--most", type=int, default=8, help="corpora")
    parser.add_argument("--groups", type=int, default=0, help="deal the sources to so many corpora instead")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings changed in all fits")
    options = parser.parse_args()
    settings = tuple((name, json.loads(value)) for name, value in (item.split("=") for item in options.set))
    corpora = list_corpora(options.vectors, options.least, options.most, options.groups)
    jobs = [Job(options.vectors, sources, name, options.device, settings) for name, sources in corpora]
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        print(table(list(pool.map(fit, jobs))))


if __name__ == "__main__":
    main()
