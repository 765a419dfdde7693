"""What each part of the encoder and each loss term is worth, on sources left out of training.

Every source of a teacher's training set is left out once: sources are dealt into folds of equal size, a variant is
trained on the others and measured on the fold. Nothing here sees the dev set.

    python tests/benchmarks/ablation.py ../shared/vectors/text-embedding-3-small/train.npy --out ablation-3-small.json
"""

import argparse
import json
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from corpora import largest_first, source_file, statistics_of
from torch import Tensor, nn
from torch.nn import functional as F

from linguagen.runtime.measure.controls import PCA, SOFTENED_PCA, TRUNCATION, control_projections, project
from linguagen.runtime.measure.fidelity import FidelitySet
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.vectors.config import EncoderConfig, VectorRunConfig
from linguagen.train.vectors.loop import train
from linguagen.train.vectors.network import ProjectionHead, VectorNetwork

FOLDS = 4
UNITS = 2
"""Bilinear units per segment and direction in every variant that names no other number."""


class PlainEncoder(VectorNetwork):
    """The control without directions and gates: an MLP with as many weights as the bilinear blocks."""

    def __init__(self, width: int, config: EncoderConfig) -> None:
        super().__init__(width, replace(config, directions="none"))
        units = 3 * 2 * config.segments * config.hidden
        self.directions = nn.ModuleList([_Layer(width, units)])
        self.head = ProjectionHead(units, config.dim)


class _Layer(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(super().forward(x))


VARIANTS: dict[str, dict[str, Any]] = {
    "linear only": {"directions": "none"},
    "forward only": {"directions": "forward", "hidden": 4},
    "backward only": {"directions": "backward", "hidden": 4},
    "both directions": {},
    "plain MLP, as many weights": {"plain": True},
    "both, four times the units": {"hidden": 8},
    "both, two layers": {"layers": 2},
    "both, no neighbourhood term": {"neighbourhood": 0.0},
    "both, no pairwise term": {"pairwise": 0.0},
    "both, no cosine term": {"cosine": 0.0},
    "both, with top-k term": {"top_k": 5.0},
    "both, temperature 0.02": {"temperature": 0.02},
    "both, no subspace removal": {"subspace_rows": 0},
    "both, pairwise weight 200": {"pairwise": 200.0},
    "both, three times the steps": {"steps": 3000},
    "both, mean of eight members": {"members": 8},
    "linear only, half of the sources": {"directions": "none", "sources": 0.5},
    "linear only, a quarter of the sources": {"directions": "none", "sources": 0.25},
    "linear only, half of the vectors": {"directions": "none", "vectors": 0.5},
    "linear only, a quarter of the vectors": {"directions": "none", "vectors": 0.25},
}
"""Settings by name, and three of this script's own: another encoder, a part of the sources, a part of the vectors."""
SEEDED = ("linear only", "both directions")
"""Variants that are trained from two seeds: the choice between them is the choice of what ships."""


@dataclass(frozen=True)
class Job:
    vectors: str
    fold: int
    variant: str
    seed: int
    device: str
    settings: tuple[tuple[str, Any], ...]


def deal_folds(sources: np.ndarray) -> np.ndarray:
    """The fold of every row: sources, largest first, each to the fold that has fewest rows."""
    sizes, folds = np.zeros(FOLDS, int), {}
    for source, count in zip(*largest_first(sources), strict=True):
        fold = int(np.argmin(sizes))
        folds[source] = fold
        sizes[fold] += count
    return np.array([folds[source] for source in sources])


def load_fold(path: str, fold: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training rows, their sources, and the rows left out."""
    vectors = np.load(path).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    sources = np.load(source_file(path))
    left_out = deal_folds(sources) == fold
    return vectors[~left_out], sources[~left_out], vectors[left_out]


def keep_part(sources: np.ndarray, of_sources: float, of_vectors: float, seed: int) -> np.ndarray:
    """True for the rows of a random part of the sources, and for a random part of those."""
    generator, names = np.random.default_rng(seed), np.unique(sources)
    chosen = generator.permutation(names)[: round(of_sources * len(names))]
    return np.isin(sources, chosen) & (generator.random(len(sources)) < of_vectors)


def run(job: Job) -> dict[str, Any]:
    """Train one variant on the other folds and measure it on its own."""
    torch.set_num_threads(1 if job.device == "cuda" else 2)
    rows, sources, left_out = load_fold(job.vectors, job.fold)
    changes = dict(VARIANTS[job.variant]) | dict(job.settings)
    plain = changes.pop("plain", False)
    kept = keep_part(sources, changes.pop("sources", 1.0), changes.pop("vectors", 1.0), job.seed)
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/rows.npy", rows[kept])
        np.save(f"{folder}/rows-source.npy", sources[kept])
        config = configure((f"{folder}/rows.npy",), job.seed, changes)
        run_folder = RunFolder(Path(folder) / "run")
        run_folder.write_config(config)
        made: list[VectorNetwork] = []

        def make(width: int, shape: EncoderConfig) -> VectorNetwork:
            made.append((PlainEncoder if plain else VectorNetwork)(width, shape))
            return made[0]

        train(config, run_folder, Processes(device=torch.device(job.device)), make_network=make)
        with torch.no_grad():
            embeddings = made[0](torch.from_numpy(left_out).to(job.device)).cpu().numpy()
    row = FidelitySet(left_out).measure(job.variant, embeddings).row
    return {
        "variant": job.variant,
        "fold": job.fold,
        "seed": job.seed,
        "recall": row.recall,
        "pair_error": row.pair_error,
    }


def controls(path: str, fold: int) -> list[dict[str, Any]]:
    """Truncation, PCA and softened PCA on the same fold."""
    rows, _, left_out = load_fold(path, fold)
    statistics = statistics_of(rows)
    fidelity = FidelitySet(left_out)
    found = []
    for name in (TRUNCATION, PCA, SOFTENED_PCA):
        row = fidelity.measure(name, project(left_out, control_projections(statistics, 256)[name])).row
        found.append({"variant": name, "fold": fold, "seed": 0, "recall": row.recall, "pair_error": row.pair_error})
    return found


def configure(inputs: tuple[str, ...], seed: int, changes: dict[str, Any]) -> VectorRunConfig:
    """The default configuration with some settings changed."""
    own = {"inputs": inputs, "seed": seed, "evaluate_every": 10**6, "hidden": UNITS}
    return VectorRunConfig.from_flat(own | changes)


def table(results: list[dict[str, Any]]) -> str:
    """Recall of every variant: the mean over folds and seeds, every fold, and the paired difference to linear only."""

    def by_fold(name: str, figure: str) -> np.ndarray:
        return np.array(
            [
                np.mean([r[figure] for r in results if r["variant"] == name and r["fold"] == fold])
                for fold in range(FOLDS)
            ]
        )

    names = list(dict.fromkeys(r["variant"] for r in results))
    lines = [
        "| variant | recall@10 | by fold | above linear only (95 %) | pair error |",
        "|---|---|---|---|---|",
    ]
    for name in names:
        recall = by_fold(name, "recall")
        difference = 100 * (recall - by_fold("linear only", "recall"))
        margin = 3.18 * difference.std(ddof=1) / FOLDS**0.5  # Student's t, 3 degrees of freedom
        folds = " ".join(f"{value:.4f}" for value in recall)
        above = f"{difference.mean():+.2f} ± {margin:.2f}"
        error = by_fold(name, "pair_error").mean()
        lines.append(f"| {name} | {recall.mean():.4f} | {folds} | {above} | {error:.4f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", help="a training file with its -source.npy beside it")
    parser.add_argument(
        "--out", type=Path, required=True, help="results as JSON; variants found there are not run again"
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS))
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings changed in all variants")
    options = parser.parse_args()
    settings = tuple((name, json.loads(value)) for name, value in (item.split("=") for item in options.set))
    done = (
        json.loads(options.out.read_text())
        if options.out.exists()
        else [row for fold in range(FOLDS) for row in controls(options.vectors, fold)]
    )
    seen = {(row["variant"], row["fold"], row["seed"]) for row in done}
    jobs = [
        Job(options.vectors, fold, name, seed, options.device, settings)
        for name in options.variants
        for seed in ((0, 1) if name in SEEDED else (0,))
        for fold in range(FOLDS)
        if (name, fold, seed) not in seen
    ]
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for row in pool.map(run, jobs):
            done.append(row)
            options.out.write_text(json.dumps(done))
            print(f"{len(done)}: {row}", flush=True)
    print(table(done))


if __name__ == "__main__":
    main()
