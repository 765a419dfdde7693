"""How the recipe of a fit should be chosen: rules, compared on origins of the training vectors.

    python -m benchmarks.fit_choice        # prints the table in docs/decisions/fitting.md

A corpus is some origins; the prior is the second moment of all others. A fifth of its rows are queries that no fit and
no choice sees. Every recipe is scored as `lg-train` scores it, inside the documents, and measured on the queries:
fitted to all documents, and to three quarters of them. A rule sees the scores alone. What is measured is kept in
.fit-choice.json, so that another rule costs no new fits.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.corpora import DIM, Lookup, split_corpus
from benchmarks.data import TEACHERS, load_origins, load_part, unit
from benchmarks.fitting import statistics_of
from benchmarks.pages import table
from linguagen.runtime.measure.controls import project
from linguagen.train.run.processes import Processes
from linguagen.train.vectors.choice import SHARES, best_recipe, has_few_documents, split_trials
from linguagen.train.vectors.data import open_corpus, split_rows
from linguagen.train.vectors.model_file import Start
from linguagen.train.vectors.recipe import KEEP, Fitter, Recipe

STORE = Path(".fit-choice.json")
CORPORA: dict[str, tuple[tuple[int, ...], ...]] = {
    TEACHERS[0]: ((9,), (8,), (7,), (10, 11), (6,)),
    TEACHERS[1]: ((0, 1, 2), (3, 4, 5), tuple(range(6, 12))),
}
"""Origins of each corpus by their rank in size."""
STEPS = 100
TRAINED = (0.05, 0.2, 0.5)
RULES = tuple((allowance, slack) for allowance in (0.0, 0.02) for slack in (0.0, 0.005, 0.01))
"""Recall that a recipe may lose: of later documents against the starting model (or must gain, where the trial has few
documents), and of fitted ones against own PCA."""
RECIPES = (
    KEEP,
    *map(Recipe, SHARES),
    *(Recipe(share, steps=STEPS) for share in TRAINED),
)


@contextmanager
def open_case(teacher: str, ranks: tuple[int, ...]) -> Iterator[tuple[Fitter, Lookup]]:
    """A corpus of some origins as `lg-train` fits it, and the lookup of queries that no fit sees."""
    rows, origins = load_part(teacher, "train"), load_origins(teacher)
    names, counts = np.unique(origins, return_counts=True)
    own = np.isin(origins, names[np.argsort(-counts, kind="stable")[list(ranks)]])
    lookup = split_corpus(unit(rows[own]))
    statistics = statistics_of(rows[~own])
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/rows.npy", lookup.documents)
        corpus = open_corpus((f"{folder}/rows.npy",), Path(folder))
        yield Fitter(corpus, Start(statistics, statistics.eigenvectors[:, :DIM]), 0, Processes().device), lookup


def measure(teacher: str, ranks: tuple[int, ...]) -> dict[str, Any]:
    """What every recipe gives on one corpus: its scores, and its recall on queries that no choice sees.

    `few` says that a trial has fewer documents than dimensions.
    """
    with open_case(teacher, ranks) as (fitter, lookup):
        training = split_rows(fitter.corpus, 0.2, 0, by_origin=False).training
        trials = list(split_trials(fitter, training))
        every = np.arange(len(fitter.corpus))
        parts = [(each, fitter.blends(each)) for each in (every, every[: 3 * len(every) // 4])]
        found = []
        for recipe in RECIPES:
            scores = np.mean([trial.score(fitter, recipe) for trial in trials], axis=0)
            maps = [fitter.fit(recipe, numbers, blends) for numbers, blends in parts]
            recalls = [float(lookup.recall(partial(project, projection=each)).mean()) for each in maps]
            found.append({"recipe": asdict(recipe), "scores": scores.tolist(), "recalls": recalls})
    return {"few": has_few_documents(trials, DIM), "recipes": found}


def measured() -> dict[str, dict[str, Any]]:
    """Every corpus, those that are stored already not measured again."""
    store = json.loads(STORE.read_text()) if STORE.exists() else {}
    for teacher, corpora in CORPORA.items():
        for ranks in corpora:
            name = f"{teacher.removeprefix('text-embedding-')}, origins {'+'.join(map(str, ranks))}"
            if name not in store:
                store[name] = measure(teacher, ranks)
                STORE.write_text(json.dumps(store))
                print(name, flush=True)
    return store


def line(teacher: str, allowance: float, slack: float) -> list[str]:
    """What a rule gives over a teacher's corpora, in points of recall: means, and the worst corpus."""
    gains = []
    for name, corpus in measured().items():
        if not name.startswith(teacher):
            continue
        found = corpus["recipes"]
        recipes = [Recipe(**item["recipe"]) for item in found]
        scores = {recipe: tuple(item["scores"]) for recipe, item in zip(recipes, found, strict=True)}
        recalls = {recipe: np.array(item["recalls"]) for recipe, item in zip(recipes, found, strict=True)}
        chosen = recalls[best_recipe(scores, recipes, corpus["few"], slack, allowance)]
        own, start = recalls[Recipe(0.0)], recalls[KEEP]
        gains.append([*(chosen - own), chosen[1] - start[1]])
    points = 100 * np.array(gains)  # (corpora, 3)
    figures = [
        f"{mean:+.1f} ({worst:+.1f})" for mean, worst in zip(points.mean(axis=0), points.min(axis=0), strict=True)
    ]
    return [teacher, f"{allowance}", f"{slack}", *figures]


if __name__ == "__main__":
    head = ["teacher", "allowance", "slack", "fitted, above own PCA", "later, above own PCA", "later, above the start"]
    print(table(head, [line(teacher, *rule) for teacher in ("3-small", "ada-002") for rule in RULES]))
