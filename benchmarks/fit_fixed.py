"""What keeps most of a corpus that does not grow: shares of the teacher and steps, on origins of the training vectors.

    python -m benchmarks.fit_fixed        # prints the table in docs/decisions/fitting.md

The corpora and their queries are those of benchmarks/fit_choice.py. What is measured is kept in .fit-fixed.json.
"""

import json
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.fit_choice import CORPORA, open_case
from benchmarks.pages import table
from linguagen.runtime.measure.controls import project
from linguagen.train.vectors.recipe import Recipe

STORE = Path(".fit-fixed.json")
SHARES = (0.0, 0.05, 0.1, 0.2)
STEPS = (0, 100, 300, 1000)
RECIPES = tuple(Recipe(share, steps) for share in SHARES for steps in STEPS)


def measured() -> dict[str, dict[str, float]]:
    """Recall of every recipe on the queries of every corpus, fitted to all of its documents."""
    store: dict[str, dict[str, float]] = json.loads(STORE.read_text()) if STORE.exists() else {}
    for teacher, corpora in CORPORA.items():
        for ranks in corpora:
            name = f"{teacher.removeprefix('text-embedding-')}, origins {'+'.join(map(str, ranks))}"
            if name in store:
                continue
            with open_case(teacher, ranks) as (fitter, lookup):
                every = np.arange(len(fitter.corpus))
                blends, found = fitter.blends(every), {}
                for recipe in RECIPES:
                    projection = fitter.fit(recipe, every, blends)
                    found[str(recipe)] = float(lookup.recall(partial(project, projection=projection)).mean())
            store[name] = found
            STORE.write_text(json.dumps(store))
            print(name, flush=True)
    return store


def line(share: float) -> list[str]:
    """What a share gives over own PCA by steps, in points: the mean of all corpora, and the worst."""
    figures = []
    for steps in STEPS:
        gains = [100 * (each[str(Recipe(share, steps))] - each[str(Recipe(0.0))]) for each in measured().values()]
        figures.append(f"{np.mean(gains):+.2f} ({min(gains):+.2f})")
    return [f"{share}", *figures]


if __name__ == "__main__":
    print(table(["teacher's share", *(f"{steps} steps" for steps in STEPS)], [line(share) for share in SHARES]))
