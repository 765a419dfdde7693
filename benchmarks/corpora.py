"""Fit corpora that chose nothing of the recipe, by the commands, next to each corpus's own PCA and the shipped model.

    python -m benchmarks.corpora            # writes docs/results/fits.md

A corpus is an origin of a dev set, or several together; the shipped models, which have never seen these, are the start.
A fifth of its rows are queries and stay outside. All others are compressed with the exported int8 model, which is
fitted to all of them or, where the corpus grows, to three quarters of them. A second table is of fits with `--fixed`.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer

from benchmarks.data import TEACHERS, VECTORS, load_part
from benchmarks.pages import RESULTS, table, write_block
from linguagen.runtime import Compressor
from linguagen.runtime.measure.controls import project
from linguagen.runtime.measure.fidelity import NEIGHBOURS, difference_interval, nearest_neighbours, recall_per_row

CORPORA: dict[str, tuple[tuple[int, ...], ...]] = {
    TEACHERS[0]: ((0,), (1,), (2,), (3,), (4,), (3, 4), (0, 1, 2, 3, 4, 5)),
    TEACHERS[1]: ((0,), (1,), (2,), (4,), (0, 1, 2, 3, 4)),
}
"""Origins of each corpus in a teacher's dev set: the single ones have 300 rows or more."""
DIM = 256
STORE = Path(".fits.json")
"""What is measured already; remove it after a change of the fit."""
HEAD = ["corpus", "documents", "shipped", "own PCA", "fitted", "above own PCA", "own PCA, grown", "fitted, grown"]
FIXED_HEAD = ["corpus", "documents", "own PCA", "fitted", "above own PCA"]

Encode = Callable[[np.ndarray], np.ndarray]
"""From vectors (rows, width) to embeddings (rows, dim)."""


@dataclass(frozen=True, eq=False)
class Lookup:
    """Queries outside a corpus, and its documents."""

    queries: np.ndarray
    documents: np.ndarray

    def recall(self, encode: Encode) -> np.ndarray:
        """Recall of each query (rows,) when queries and documents are encoded."""
        exact = nearest_neighbours(self.queries, NEIGHBOURS, self.documents)
        found = nearest_neighbours(encode(self.queries), NEIGHBOURS, encode(self.documents))
        return recall_per_row(exact, found)


def split_corpus(rows: np.ndarray) -> Lookup:
    """A fifth of the rows (count, width), at random, as queries; the others are documents."""
    order = np.random.default_rng(0).permutation(len(rows))
    queries = len(rows) // 5
    return Lookup(rows[order[:queries]], rows[order[queries:]])


def own_pca(rows: np.ndarray) -> Encode:
    """Uncentred PCA of rows (count, width)."""
    axes = np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :DIM]
    return lambda vectors: project(vectors, axes)


def fitted_by_commands(rows: np.ndarray, teacher: str, *options: str) -> Encode:
    """The int8 model that lg-train, with these options, and lg-export make of rows (count, width)."""
    programs = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/corpus.npy", rows)
        train = ["lg-train", "corpus.npy", "--init", teacher, *options]
        for program, *words in (train, ["lg-export", "--quantize", "int8", "-o", "corpus.onnx"]):
            subprocess.run([str(programs / program), *words], cwd=folder, check=True, capture_output=True)
        return Compressor.load(f"{folder}/corpus.onnx").compress


def above(fitted: np.ndarray, pca: np.ndarray) -> str:
    """Mean difference of recalls (rows,) in points, with its 95 % interval."""
    low, high = (100 * bound for bound in difference_interval(fitted, pca))
    return f"{100 * (fitted.mean() - pca.mean()):+.1f} ({low:+.1f} to {high:+.1f})"


def growing(teacher: str, lookup: Lookup) -> list[str]:
    """What a fit gives on one corpus, and on the same corpus when a quarter of it comes later."""
    documents = lookup.documents
    before = documents[: 3 * len(documents) // 4]
    shipped = lookup.recall(Compressor.load(teacher).compress)
    pca, fitted = lookup.recall(own_pca(documents)), lookup.recall(fitted_by_commands(documents, teacher))
    grown = [lookup.recall(each) for each in (own_pca(before), fitted_by_commands(before, teacher))]
    recalls = [f"{each.mean():.3f}" for each in (shipped, pca, fitted)]
    return [*recalls, above(fitted, pca), *(f"{each.mean():.3f}" for each in grown)]


def fixed(teacher: str, lookup: Lookup) -> list[str]:
    """What a fit gives on a corpus that is said not to grow."""
    pca = lookup.recall(own_pca(lookup.documents))
    fitted = lookup.recall(fitted_by_commands(lookup.documents, teacher, "--fixed"))
    return [f"{pca.mean():.3f}", f"{fitted.mean():.3f}", above(fitted, pca)]


def lines(measure: Callable[[str, Lookup], list[str]]) -> list[list[str]]:
    """Every corpus in a table; those that are stored are not measured again."""
    store, found = json.loads(STORE.read_text()) if STORE.exists() else {}, []
    for teacher, corpora in CORPORA.items():
        vectors, origins = load_part(teacher, "dev"), np.load(VECTORS / teacher / "dev-source.npy")
        for chosen in corpora:
            name = f"{teacher.removeprefix('text-embedding-')}, dev {'+'.join(map(str, chosen))}"
            key = f"{measure.__name__}: {name}"
            if key not in store:
                lookup = split_corpus(vectors[np.isin(origins, chosen)])
                store[key] = [name, str(len(lookup.documents)), *measure(teacher, lookup)]
                STORE.write_text(json.dumps(store))
                print(store[key], flush=True)
            found.append(store[key])
    return found


def main() -> None:
    """Fit every corpus three times and write the tables."""
    texts = [
        f"### Twelve corpora, recall@{NEIGHBOURS}\n\n{table(HEAD, lines(growing))}",
        f"### The same with `--fixed`, recall@{NEIGHBOURS}\n\n{table(FIXED_HEAD, lines(fixed))}",
    ]
    write_block(RESULTS / "fits.md", "fits", "\n".join(texts))


if __name__ == "__main__":
    typer.run(main)
