"""Fit the mixtures that `lg-run sample` draws from, and measure that methods rank on a sample as on unseen vectors.

python -m recipes.vector_samples      # writes models/shipped/TEACHER.sample.npz
"""

import numpy as np
import typer
from sklearn.cluster import KMeans

from benchmarks.data import load_part
from benchmarks.pages import table
from linguagen.models.arrays import Array
from linguagen.models.mixture import Mixture, mixture_path
from linguagen.models.model_file import load_manifest
from linguagen.runtime import Compressor
from linguagen.runtime.measure.controls import control_projections, project
from linguagen.runtime.measure.fidelity import NEIGHBOURS, nearest_neighbours, recall_per_row
from linguagen.runtime.writing.sample import draw_vectors
from recipes.vector_models import TEACHERS

PARTS, RANK = 12, 14
"""They take about 150 kB. More parts of lower rank order the methods alike, at lower recall."""
_ROWS = 2000
_METHODS = ("truncation", "PCA", "softened PCA")


def fit_mixture(vectors: Array) -> Mixture:
    """A mixture for vectors (rows, width): k-means, then the main axes of each cluster, and noise for the rest."""
    labels = KMeans(PARTS, n_init=1, random_state=0).fit(vectors).labels_
    clusters = [vectors[labels == part] for part in range(PARTS)]
    means = np.stack([cluster.mean(axis=0) for cluster in clusters])
    factors, noise = zip(*(_axes(cluster) for cluster in clusters), strict=True)
    weights = np.array([len(cluster) / len(vectors) for cluster in clusters], np.float32)
    return Mixture(weights, means, np.stack(factors), np.stack(noise))


def _axes(cluster: Array) -> tuple[Array, Array]:
    """Main axes of vectors (rows, width) by their deviations (RANK, width), and the noise of what is left (width,)."""
    centred = cluster - cluster.mean(axis=0)
    covariance = centred.T @ centred / len(cluster)
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1][:RANK], vectors[:, ::-1][:, :RANK]
    width = cluster.shape[1]
    left = (np.trace(covariance) - values.sum()) / width
    return (vectors * np.sqrt(values)).T, np.full(width, np.sqrt(left), np.float32)


def recalls(teacher: str, vectors: Array) -> list[str]:
    """Recall of each method and of the shipped model on vectors (rows, width)."""
    exact = nearest_neighbours(vectors, NEIGHBOURS)
    projections = control_projections(load_manifest(teacher).statistics, 256)
    embeddings = [project(vectors, projections[name]) for name in _METHODS]
    embeddings.append(Compressor.load(teacher).compress(vectors))
    return [f"{recall_per_row(exact, nearest_neighbours(each, NEIGHBOURS)).mean():.3f}" for each in embeddings]


def main() -> None:
    """Fit, write and measure the mixture of each teacher."""
    rows = []
    for teacher in TEACHERS:
        fit_mixture(load_part(teacher, "train")).write(mixture_path(teacher))
        unseen = np.random.default_rng(0).permutation(load_part(teacher, "dev"))[:_ROWS]
        drawn = np.concatenate(list(draw_vectors(Mixture.read(mixture_path(teacher)), _ROWS, seed=0)))
        rows.append([f"{teacher}, unseen", *recalls(teacher, unseen)])
        rows.append([f"{teacher}, sample", *recalls(teacher, drawn)])
    print(table(["vectors", *_METHODS, "encoder"], rows))


if __name__ == "__main__":
    typer.run(main)
