"""What the size of a batch and the number of steps give a fit, on origins of the training vectors.

    python -m benchmarks.fit_batches        # prints the table in docs/decisions/fitting.md

Each origin is one corpus; the prior is the second moment of all other origins. A fifth of its rows are queries. Every
fit starts from the closed form at one share of the teacher, and is made of all documents ("fitted") or of three
quarters of them ("later").
"""

import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.corpora import DIM, Lookup, split_corpus
from benchmarks.data import TEACHERS, load_origins, load_part, unit
from benchmarks.fitting import statistics_of
from benchmarks.pages import table
from linguagen.runtime.measure.controls import project
from linguagen.train.run.processes import Processes
from linguagen.train.vectors.data import open_corpus
from linguagen.train.vectors.model_file import Start
from linguagen.train.vectors.recipe import BATCHES, Fitter, Recipe

SIZES = {TEACHERS[0]: (2500, 1600, 900, 450), TEACHERS[1]: (150,)}
"""Rows of the origins that are tried: the nearest one of each teacher."""
SHARE = 0.2
TRIALS = ((1024, 0), (1024, 100), (512, 100), (256, 100), (512, 200))
"""Rows of a batch, and steps."""


def lines(teacher: str, size: int) -> list[list[str]]:
    """The rows of the table for one origin."""
    rows, origins = load_part(teacher, "train"), load_origins(teacher)
    names, counts = np.unique(origins, return_counts=True)
    chosen = names[np.argmin(abs(counts - size))]
    lookup = split_corpus(unit(rows[origins == chosen]))
    statistics = statistics_of(rows[origins != chosen])
    start = Start(statistics, statistics.eigenvectors[:, :DIM])
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/rows.npy", lookup.documents)
        fitter = Fitter(open_corpus((f"{folder}/rows.npy",), Path(folder)), start, 0, Processes().device)
        name = f"{teacher.removeprefix('text-embedding-')}, {len(lookup.documents)} documents"
        return [[name, *_line(fitter, lookup, batch, steps)] for batch, steps in TRIALS]


def _line(fitter: Fitter, lookup: Lookup, batch: int, steps: int) -> list[str]:
    """What one size of the batch and number of steps give."""
    fitter = replace(fitter, batches=replace(BATCHES, batch=batch))
    every, recalls, began = np.arange(len(lookup.documents)), [], time.perf_counter()
    for numbers in (every, every[: 3 * len(every) // 4]):
        projection = fitter.fit(Recipe(SHARE, steps=steps), numbers)
        recalls.append(f"{lookup.recall(partial(project, projection=projection)).mean():.3f}")
    return [str(batch), str(steps), *recalls, f"{time.perf_counter() - began:.0f}"]


if __name__ == "__main__":
    torch.set_num_threads(2)
    head = ["corpus", "batch", "steps", "fitted", "later", "seconds"]
    print(table(head, [line for teacher, sizes in SIZES.items() for size in sizes for line in lines(teacher, size)]))
