"""What each choice behind codes of any size is worth, on dev: 2,000 rows of each teacher, float queries.

    python -m benchmarks.byte_choices      # prints a table

dev is used to look at choices here, so it is not unseen for them.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.data import TEACHERS, VECTORS, deal_folds, load_part
from benchmarks.pages import table
from linguagen.models.arrays import Array
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.manifests.trellis import Trellis
from linguagen.runtime import Compressor
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.measure.fidelity import NEIGHBOURS, nearest_neighbours, recall_per_row
from linguagen.runtime.vectors import normalized
from recipes.byte_models import FOLDS, Rotation, fit, trellis_of
from recipes.trellis_tables import TABLES

SIZES = (64, 128)
ROWS = 2000


def choices(rotation: Rotation, training: Array) -> Iterator[tuple[str, Trellis, EmbeddingMoments]]:
    """Name, trellis and moments of every choice.

    Args:
        rotation: as shipped.
        training: rotated training vectors (rows, dim).
    """
    shipped, moments = trellis_of(rotation.energies), rotation.moments()
    yield "as shipped", shipped, moments
    for exponent in (1.0, 1.15, 1.45, 1.6):
        yield f"energies to the power {exponent}", trellis_of(rotation.energies, exponent), moments
    own = training.var(axis=0, dtype=np.float64)
    order = np.maximum.accumulate(own[::-1])[::-1]  # never rising
    yield "energies of the training vectors themselves", trellis_of(order), EmbeddingMoments(moments.mean, np.diag(own))
    errors = np.load(TABLES)["errors"]
    for power in (0.0, 0.25, 0.75):
        gains = np.append(0, (1 - errors[1:]) ** -power).astype(np.float32)
        yield f"values times (1 - error) ** -{power}", replace(shipped, gains=gains), moments
    yield "a path judged by errors in standard deviations", _flat(shipped), moments


def _flat(trellis: Trellis) -> Trellis:
    """The same bits, but errors count alike in all dimensions."""
    return replace(trellis, weights=np.ones_like(trellis.weights))


def main() -> None:
    """Measure every choice and print the table."""
    found: dict[str, list[str]] = {}
    for teacher in TEACHERS:
        parts = ("train", "train-2")
        rows = np.concatenate([load_part(teacher, part) for part in parts])
        origins = [np.load(VECTORS / teacher / f"{part}-source.npy") for part in parts]
        folds = deal_folds(np.concatenate([origins[0], origins[1] + 1 + origins[0].max()]), FOLDS)
        rotation, vectors = fit(rows, folds), load_part(teacher, "dev")[:ROWS]
        exact, rotated = nearest_neighbours(vectors, NEIGHBOURS), vectors @ rotation.axes
        for name, trellis, moments in choices(rotation, rows @ rotation.axes):
            for size in SIZES:
                recall = measure(TrellisCodec.make(size, trellis, moments), rotated, exact)
                found.setdefault(name, []).append(f"{recall:.4f}")
                print(teacher, name, size, f"{recall:.4f}", flush=True)
        stored = Compressor.load(f"{teacher}-1536").compress(vectors)
        for size in SIZES:
            codec = TrellisCodec.make(size, trellis_of(rotation.energies), rotation.moments())
            found.setdefault("int8 weights in the file", []).append(f"{measure(codec, stored, exact):.4f}")
    head = [f"{teacher.removeprefix('text-embedding-')}, {size} bytes" for teacher in TEACHERS for size in SIZES]
    print(table(["choice", *head], [[name, *figures] for name, figures in found.items()]))


def measure(codec: TrellisCodec, rotated: Array, exact: np.ndarray) -> float:
    """Recall of rotated vectors (rows, dim) by codes, given the exact neighbours (rows, NEIGHBOURS)."""
    decoded = normalized(codec.decode(codec.encode(rotated)))
    return float(recall_per_row(exact, nearest_neighbours(rotated, NEIGHBOURS, decoded, same=True)).mean())


if __name__ == "__main__":
    main()
