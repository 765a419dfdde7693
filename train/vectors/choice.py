"""Choose the recipe of a fit on queries that are held out, for fitted documents and for those that come later.

A map fitted too closely to a corpus fails on its next documents: what no fit has seen loses length in the projection,
and scaling to length 1 lifts it above everything else. So each recipe is scored twice, and one that serves later
documents worse than the starting model does is never chosen, unless the corpus is said to be fixed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from linguagen.runtime.measure.controls import project
from linguagen.runtime.measure.fidelity import NEIGHBOURS, nearest_neighbours, recall_per_row
from linguagen.runtime.vectors import Array, Indices
from linguagen.train.run.loop import Advance
from linguagen.train.vectors.blend import Blends
from linguagen.train.vectors.data import pick
from linguagen.train.vectors.recipe import KEEP, Fitter, Recipe

SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
"""Shares of the teacher that are tried."""
LATER = 0.25
"""Share of the documents that come later: what a corpus grows by a third."""
SEARCHED_ROWS = 10_000
"""The most documents that queries are looked up in."""
_QUERIES, _MOST_FOLDS = 500, 3
"""Queries that should choose, and the most folds that they are gathered from in a small corpus."""

_PCA = Recipe(0.0)
_SLACK = 0.005
"""Recall of fitted documents that a recipe may lose against own PCA for what it gains on later ones."""
_ALLOWANCE = 0.02
"""Recall of later documents that a recipe may lose against the starting model where it is chosen: the maps that are
tried know half of the corpus, and lose more than the map of all rows (docs/decisions/fitting.md). It must gain as much
where the trial has fewer documents than dimensions: then the teacher fills those maps, and they lose less."""

Scores = dict[Recipe, tuple[float, float]]
"""Recall of each recipe among fitted documents, and among documents of which some come later."""


@dataclass(frozen=True, eq=False)
class Lookup:
    """Queries, and the documents that they are looked up in."""

    queries: Array  # (rows, width)
    documents: Array  # (others, width)
    exact: Indices  # (rows, NEIGHBOURS)

    @classmethod
    def of(cls, queries: Array, documents: Array) -> "Lookup":
        """Find the exact neighbours of queries (rows, width) among documents (others, width)."""
        return cls(queries, documents, nearest_neighbours(queries, NEIGHBOURS, documents))

    def recall(self, projection: Array) -> float:
        """Recall of a map (width, dim)."""
        found = project(self.queries, projection), project(self.documents, projection)
        return float(recall_per_row(self.exact, nearest_neighbours(found[0], NEIGHBOURS, found[1])).mean())


@dataclass(frozen=True, eq=False)
class Trial:
    """One split of a corpus, on which recipes are tried."""

    lookup: Lookup
    parts: tuple[Indices, Indices]
    """Numbers (count,) of all documents, and of those that are there before the later ones."""
    blends: tuple[Blends, Blends]
    """Closed forms of these two."""

    def score(self, fitter: Fitter, recipe: Recipe) -> tuple[float, float]:
        """Recall of a recipe if all documents are fitted, and if the later ones are not."""
        fits = zip(self.parts, self.blends, strict=True)
        every, before = (self.lookup.recall(fitter.fit(recipe, numbers, blends)) for numbers, blends in fits)
        return every, before


def split_documents(documents: Indices, generator: np.random.Generator) -> tuple[Indices, Indices]:
    """Deal documents (count,) to those that are there before, and those that come later: both in rising order."""
    shuffled = generator.permutation(documents)
    later = round(LATER * len(documents))
    return np.sort(shuffled[later:]), np.sort(shuffled[:later])


def split_trials(fitter: Fitter, numbers: Indices) -> Iterator[Trial]:
    """Splits of the rows of these numbers (count,), each with other queries: a fifth, or as many as are needed."""
    generator = np.random.default_rng([fitter.seed, 1])
    rows = generator.permutation(pick(generator, numbers, SEARCHED_ROWS))
    each = min(len(rows) // 5, _QUERIES)
    for fold in range(min(_MOST_FOLDS, -(-_QUERIES // each))):
        chosen = slice(fold * each, (fold + 1) * each)
        documents = np.sort(np.delete(rows, chosen))
        before, _ = split_documents(documents, generator)
        lookup = Lookup.of(fitter.corpus.rows(rows[chosen]), fitter.corpus.rows(documents))
        yield Trial(lookup, (documents, before), (fitter.blends(documents), fitter.blends(before)))


def choose_recipe(
    fitter: Fitter, numbers: Indices, steps: int, advance: Advance, fixed: bool = False
) -> tuple[Recipe, Scores]:
    """The recipe that keeps fitted and later documents best, or fitted ones alone.

    Training lifts both recalls a little, so it is tried from the best closed form and from its neighbour that trusts
    the corpus more; or from the starting model where no closed form keeps later documents as well as that model does.

    Args:
        fitter: follows the recipes.
        numbers: of the rows that may choose, (count,).
        steps: of training.
        advance: told 1 after the closed forms, and 1 after the trainings.
        fixed: True if no documents come later.
    """
    trials = list(split_trials(fitter, numbers))
    few = has_few_documents(trials, fitter.start.dim)

    def best_of(scores: Scores) -> Recipe:
        """The best recipe so far."""
        return max(scores, key=lambda recipe: scores[recipe][0]) if fixed else best_recipe(scores, scores, few)

    scores = _score(fitter, trials, [KEEP, *map(Recipe, SHARES)])
    advance(1)
    best = best_of(scores)
    number = SHARES.index(best.share) if best.share is not None else None
    begins = [best] if number is None else [Recipe(share) for share in SHARES[max(0, number - 1) : number + 1]]
    scores |= _score(fitter, trials, [replace(begin, steps=steps) for begin in begins])
    advance(1)
    return best_of(scores), scores


def has_few_documents(trials: list[Trial], dim: int) -> bool:
    """True if trials have fewer documents than dimensions before the later ones come."""
    return len(trials[0].parts[1]) < dim


def best_recipe(
    scores: Scores,
    recipes: Iterable[Recipe],
    few: bool = False,
    slack: float = _SLACK,
    allowance: float = _ALLOWANCE,
) -> Recipe:
    """The best of some recipes.

    First comes one that keeps later documents as well as the starting model, less an allowance, then one that keeps
    fitted documents as well as the corpus's own PCA, less some slack, or comes nearest to that, then the best mean of
    both recalls. Of those that keep later documents worse, the one that keeps most of them is best.

    Args:
        scores: of all recipes, KEEP and PCA among them.
        recipes: to choose from.
        few: True if the trials have few documents: see `has_few_documents`.
        slack: recall of fitted documents that may be lost against own PCA.
        allowance: recall of later documents that may be lost against the starting model, or with `few` must be gained.
    """
    least_fitted, least_later = scores[_PCA][0] - slack, scores[KEEP][1] + (allowance if few else -allowance)

    def rank(recipe: Recipe) -> tuple[bool, float, float]:
        """What recipes are compared by."""
        fitted, later = scores[recipe]
        if later < least_later:
            return False, later, 0.0
        return True, min(fitted - least_fitted, 0.0), (fitted + later) / 2

    return max(recipes, key=rank)


def _score(fitter: Fitter, trials: list[Trial], recipes: list[Recipe]) -> Scores:
    """The mean scores of some recipes over the trials."""
    found = {}
    for recipe in recipes:
        every, later = np.mean([trial.score(fitter, recipe) for trial in trials], axis=0)
        found[recipe] = float(every), float(later)
    return found
