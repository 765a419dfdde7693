"""Why fits fail on later documents: the lengths that a projection leaves, kept or scaled to 1.

    python -m benchmarks.fit_lengths        # prints the table in docs/decisions/fitting.md

A fifth of a dev origin are queries. The map is the closed form of three quarters of the other rows, and documents are
all of these. Plain inner products with the lengths kept are compared with those of rows scaled to length 1.
"""

import numpy as np

from benchmarks.corpora import DIM, split_corpus
from benchmarks.data import TEACHERS, VECTORS, load_part
from benchmarks.pages import table
from linguagen.runtime.measure.fidelity import NEIGHBOURS, nearest_neighbours, recall_per_row
from linguagen.runtime.vectors import normalized
from linguagen.train.vectors.blend import Blends
from linguagen.train.vectors.closed_form import gather_moments
from linguagen.train.vectors.model_file import read_start

ORIGINS = ((TEACHERS[0], 3), (TEACHERS[0], 4), (TEACHERS[1], 2), (TEACHERS[1], 4))
SHARES = (0.0, 0.1, 0.5)
HEAD = ["corpus", "teacher's share", "length of fitted rows", "of later rows", "scaled to length 1", "lengths kept"]


def lines(teacher: str, origin: int) -> list[list[str]]:
    """The rows of the table for one corpus."""
    mine = np.load(VECTORS / teacher / "dev-source.npy") == origin
    lookup = split_corpus(load_part(teacher, "dev")[mine])
    before = 3 * len(lookup.documents) // 4
    moment = gather_moments([lookup.documents[:before]], lookup.documents.shape[1])[1]
    blends = Blends(moment, read_start(teacher, DIM).statistics, DIM)
    exact = nearest_neighbours(lookup.queries, NEIGHBOURS, lookup.documents)
    found = []
    for share in SHARES:
        projection = blends.projection(share)
        queries, documents = lookup.queries @ projection, lookup.documents @ projection
        lengths = np.linalg.norm(documents, axis=1)
        recalls = [
            recall_per_row(exact, nearest_neighbours(queries, NEIGHBOURS, each)).mean()
            for each in (normalized(documents), documents)
        ]
        figures = [f"{value:.3f}" for value in (lengths[:before].mean(), lengths[before:].mean(), *recalls)]
        found.append([f"{teacher.removeprefix('text-embedding-')}, dev {origin}", f"{share:.1f}", *figures])
    return found


if __name__ == "__main__":
    print(table(HEAD, [line for teacher, origin in ORIGINS for line in lines(teacher, origin)]))
