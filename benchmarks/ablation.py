"""What each part of the encoder and each loss term is worth, on origins left out of training.

Every origin of a teacher's training set is left out once: origins are dealt into folds of equal size, a variant is
trained on the others and measured on the fold. Nothing here sees the dev set.

    python -m benchmarks.ablation text-embedding-3-small     # or both teachers: make ablation

Results lie in ablation-TEACHER.json; variants found there are not run again. The block of the teacher in
docs/results/parts.md is written when all variants are there.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.data import deal_folds, load_origins, load_part
from benchmarks.fitting import statistics_of, train_on
from benchmarks.pages import RESULTS, table, write_block
from linguagen.models.manifests.vectors import FidelityRow
from linguagen.runtime.measure.controls import PCA, SOFTENED_PCA, TRUNCATION, control_projections, project
from linguagen.runtime.measure.fidelity import FidelitySet
from linguagen.train.network.blocks import ProjectionHead
from linguagen.train.vectors.config import EncoderConfig
from linguagen.train.vectors.network import VectorNetwork

FOLDS = 4
UNITS = 2
"""Bilinear units per segment and direction in every variant that names no other number."""
STUDENT_T = 3.18
"""Half width of a 95 % interval in standard errors, for the 3 degrees of freedom of four folds."""


class PlainNetwork(VectorNetwork):
    """The control without directions and gates: an MLP with as many weights as the bilinear blocks."""

    def __init__(self, width: int, config: EncoderConfig) -> None:
        super().__init__(width, replace(config, directions="none"))
        units = 3 * 2 * config.segments * config.hidden
        self.directions = nn.ModuleList([_Layer(width, units)])
        self.head = ProjectionHead(units, config.dim)


class _Layer(nn.Linear):
    """A linear layer and GELU."""

    def forward(self, x: Tensor) -> Tensor:
        """From (rows, width) to (rows, units)."""
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
"""Settings by name, and three of this script's own: another encoder, a part of the origins, a part of the vectors."""
SEEDED = ("linear only", "both directions")
"""Variants that are trained from two seeds: the choice between them is the choice of what ships."""
INTRODUCTION = f"""Made by `make ablation`. Each origin is left out once, in {FOLDS} folds of whole origins, and
a variant trained on the others is measured on it. Two seeds for {" and ".join(SEEDED)}, one for others.
The interval is Student's t over the paired folds. "Both directions" has {UNITS} units per segment and direction here;
the shipped models have one."""


@dataclass(frozen=True)
class Job:
    """One variant on one fold, from one seed."""

    teacher: str
    fold: int
    variant: str
    seed: int
    device: str
    settings: tuple[tuple[str, Any], ...]


def load_fold(teacher: str, fold: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training rows (n, width), their origins (n,), and the rows left out (m, width)."""
    vectors, origins = load_part(teacher, "train"), load_origins(teacher)
    left_out = deal_folds(origins, FOLDS) == fold
    return vectors[~left_out], origins[~left_out], vectors[left_out]


def keep_part(origins: np.ndarray, of_origins: float, of_vectors: float, seed: int) -> np.ndarray:
    """True (n,) for the rows of a random part of the origins, and for a random part of those rows."""
    generator, names = np.random.default_rng(seed), np.unique(origins)
    chosen = generator.permutation(names)[: round(of_origins * len(names))]
    return np.isin(origins, chosen) & (generator.random(len(origins)) < of_vectors)


def run(job: Job) -> dict[str, Any]:
    """Train one variant on the other folds and measure it on its own."""
    rows, origins, left_out = load_fold(job.teacher, job.fold)
    changes = VARIANTS[job.variant] | dict(job.settings)
    network = PlainNetwork if changes.pop("plain", False) else VectorNetwork
    kept = keep_part(origins, changes.pop("sources", 1.0), changes.pop("vectors", 1.0), job.seed)
    settings = {"hidden": UNITS, "seed": job.seed, "evaluate_every": 10**6} | changes
    trained = train_on(rows[kept], settings, device=job.device, origins=origins[kept], network=network)
    row = FidelitySet(left_out).measure(job.variant, trained.encode(left_out)).row
    return figures(row, job.fold, job.seed)


def figures(row: FidelityRow, fold: int, seed: int = 0) -> dict[str, Any]:
    """What the table needs of a measurement."""
    return {"variant": row.method, "fold": fold, "seed": seed, "recall": row.recall, "pair_error": row.pair_error}


def controls(teacher: str, fold: int) -> list[dict[str, Any]]:
    """Truncation, PCA and softened PCA on the same fold."""
    rows, _, left_out = load_fold(teacher, fold)
    projections = control_projections(statistics_of(rows, 256), 256)
    fidelity = FidelitySet(left_out)
    names = (TRUNCATION, PCA, SOFTENED_PCA)
    return [figures(fidelity.measure(name, project(left_out, projections[name])).row, fold) for name in names]


def by_fold(results: list[dict[str, Any]], variant: str, figure: str) -> np.ndarray:
    """A figure of a variant for each fold (FOLDS,), the mean over seeds."""
    rows = [row for row in results if row["variant"] == variant]
    return np.array([np.mean([row[figure] for row in rows if row["fold"] == fold]) for fold in range(FOLDS)])


def section(teacher: str, results: list[dict[str, Any]]) -> str:
    """The block of a teacher: every variant's recall, by fold, and its paired difference to linear only."""
    lines = []
    for name in dict.fromkeys(row["variant"] for row in results):
        recall = by_fold(results, name, "recall")
        difference = 100 * (recall - by_fold(results, "linear only", "recall"))
        margin = STUDENT_T * difference.std(ddof=1) / FOLDS**0.5
        folds = " ".join(f"{value:.4f}" for value in recall)
        error = by_fold(results, name, "pair_error").mean()
        lines.append([name, f"{recall.mean():.4f}", folds, f"{difference.mean():+.2f} ± {margin:.2f}", f"{error:.4f}"])
    head = ["variant", "recall@10", "by fold", "above linear only (95 %)", "pair error"]
    return f"## {teacher}\n\n{INTRODUCTION}\n\n{table(head, lines)}"


def missing_jobs(
    teacher: str, variants: list[str], device: str, settings: list[str], done: list[dict[str, Any]]
) -> list[Job]:
    """Every variant, seed and fold that has no result yet."""
    changes = tuple((name, json.loads(value)) for name, value in (item.split("=") for item in settings))
    seen = {(row["variant"], row["fold"], row["seed"]) for row in done}
    return [
        Job(teacher, fold, name, seed, device, changes)
        for name in variants
        for seed in ((0, 1) if name in SEEDED else (0,))
        for fold in range(FOLDS)
        if (name, fold, seed) not in seen
    ]


def main(
    teacher: str,
    out: Annotated[Path | None, typer.Option(help="Results as JSON.  [default: ablation-TEACHER.json]")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    workers: Annotated[int, typer.Option(help="Trainings at the same time.")] = 1,
    variant: Annotated[list[str] | None, typer.Option(help="Only these variants; the page is not written.")] = None,
    change: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, in all variants; the page is not written.")
    ] = None,
) -> None:
    """Measure all variants and write the teacher's block."""
    path = out or Path(f"ablation-{teacher}.json")
    done = (
        json.loads(path.read_text()) if path.exists() else [row for n in range(FOLDS) for row in controls(teacher, n)]
    )
    jobs = missing_jobs(teacher, variant or list(VARIANTS), device, change or [], done)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for row in pool.map(run, jobs):
            done.append(row)
            path.write_text(json.dumps(done))
            print(f"{len(done)}: {row}", flush=True)
    print(section(teacher, done))
    if not variant and not change:
        write_block(RESULTS / "parts.md", teacher, section(teacher, done))


if __name__ == "__main__":
    typer.run(main)
