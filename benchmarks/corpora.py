"""Fit single corpora, queries held out, next to each corpus's own PCA.

Every large origin of a training set is a corpus in turn, or the origins are dealt to groups of similar size. What the
fit may know of the teacher comes from the other origins alone.

    python -m benchmarks.corpora            # all tables of docs/results/fits.md

A fifth of the corpus is held out: half of that chooses the closed form and when to stop, the other half is what the
table reports, its neighbours looked up in the rest of the corpus.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.data import TEACHERS, deal_groups, largest_first, load_origins, load_part
from benchmarks.fitting import statistics_of, train_on
from benchmarks.pages import RESULTS, table, write_block
from linguagen.runtime.measure.controls import PCA
from linguagen.runtime.measure.fidelity import difference_interval
from linguagen.train.vectors.config import FIT_DEFAULTS

LEAST, MOST = 800, 8
"""Rows that a single origin needs to be a corpus, and how many of them are fitted."""
TABLES = ((TEACHERS[0], 0), (TEACHERS[1], 4), (TEACHERS[0], 5), (TEACHERS[1], 2))
"""Teacher, and the number of groups that its origins are dealt to; 0 for single origins."""

HEAD = [
    "corpus",
    "vectors",
    "truncation",
    "own PCA",
    "closed form",
    "fitted",
    "above own PCA",
    "reconstruction",
    "kept step",
]


@dataclass(frozen=True)
class Job:
    """One corpus to fit."""

    teacher: str
    origins: tuple[int, ...]
    name: str
    settings: tuple[tuple[str, Any], ...]


def list_corpora(teacher: str, groups: int) -> list[tuple[str, tuple[int, ...]]]:
    """Names and origins of the corpora: groups, or the largest single origins."""
    origins = load_origins(teacher)
    if groups:
        return [(f"group {number}", group) for number, group in enumerate(deal_groups(origins, groups))]
    names, counts = largest_first(origins)
    return [(f"origin {name}", (int(name),)) for name in names[counts >= LEAST][:MOST]]


def fit(job: Job) -> dict[str, Any]:
    """Fit one corpus; returns what the table needs."""
    vectors = load_part(job.teacher, "train")
    mine = np.isin(load_origins(job.teacher), job.origins)
    prior = statistics_of(vectors[~mine])
    trained = train_on(vectors[mine], {**FIT_DEFAULTS, **dict(job.settings)}, prior=prior)
    pca = next(item for item in trained.result.controls if item.row.method == PCA)
    low, high = difference_interval(trained.result.model.recall_per_vector, pca.recall_per_vector)
    measured = (trained.result.model, *trained.result.controls)
    return {
        "corpus": job.name,
        "rows": int(mine.sum()),
        "low": 100 * low,
        "high": 100 * high,
        "fidelity": {item.row.method: asdict(item.row) for item in measured},
        "best_step": trained.summary["best_step"],
        "seconds": trained.summary["seconds"],
    }


def gain(row: dict[str, Any]) -> float:
    """Points of recall of the fitted encoder above the corpus's own PCA."""
    return 100 * float(row["fidelity"]["encoder"]["recall"] - row["fidelity"]["PCA"]["recall"])


def line(row: dict[str, Any]) -> list[str]:
    """A corpus in the table."""
    recall = [f"{row['fidelity'][name]['recall']:.3f}" for name in ("truncation", "PCA", "closed form", "encoder")]
    above = f"{gain(row):+.1f} ({row['low']:+.1f} to {row['high']:+.1f})"
    back = f"{row['fidelity']['encoder']['reconstruction']:.3f}"
    return [row["corpus"], str(row["rows"]), *recall, above, back, str(row["best_step"])]


def section(teacher: str, groups: int, rows: list[dict[str, Any]]) -> str:
    """The table of a teacher, with its heading and what is measured."""
    what = f"its origins dealt to {groups} groups" if groups else "single origins"
    seconds = [row["seconds"] for row in rows]
    mean = np.mean([gain(row) for row in rows])
    text = f"Mean gain {mean:+.2f} points; {min(seconds):.0f} to {max(seconds):.0f} s each."
    return f"### {teacher}, {what}\n\n{table(HEAD, [line(row) for row in rows])}\n\n{text}"


def main(
    workers: Annotated[int, typer.Option(help="Fits at the same time.")] = 1,
    change: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, in all fits; the page is not written.")] = None,
) -> None:
    """Fit every corpus of every table and write them."""
    settings = tuple((name, json.loads(value)) for name, value in (item.split("=") for item in change or []))
    for teacher, groups in TABLES:
        jobs = [Job(teacher, origins, name, settings) for name, origins in list_corpora(teacher, groups)]
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            text = section(teacher, groups, list(pool.map(fit, jobs)))
        print(text, flush=True)
        if not change:
            write_block(RESULTS / "fits.md", f"{teacher} {groups}", text)


if __name__ == "__main__":
    typer.run(main)
