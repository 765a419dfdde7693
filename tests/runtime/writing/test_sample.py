import numpy as np
import pytest
from make_tiny_model import statistics_of

from linguagen.models.mixture import Mixture, teacher_mixture
from linguagen.models.model_file import load_manifest
from linguagen.runtime import Compressor
from linguagen.runtime.measure.controls import control_projections, project
from linguagen.runtime.measure.fidelity import nearest_neighbours, recall_per_row
from linguagen.runtime.writing.sample import TOPIC_ROWS, draw_vectors


@pytest.fixture
def statistics(tiny_vectors):
    return statistics_of(tiny_vectors, 20)


@pytest.fixture
def mixture(statistics) -> Mixture:
    return Mixture.of_statistics(statistics)


def test_drawn_vectors_have_the_mean_and_spectrum_they_are_drawn_from(mixture, statistics):
    drawn = np.concatenate(list(draw_vectors(mixture, 100_000, seed=0)))
    assert drawn.shape == (100_000, 48)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1, atol=1e-6)
    mean = drawn.mean(axis=0)
    assert mean @ statistics.mean / np.linalg.norm(mean) / np.linalg.norm(statistics.mean) > 0.99
    assert np.linalg.norm(mean) == pytest.approx(np.linalg.norm(statistics.mean), rel=0.15)
    values = np.linalg.eigvalsh(drawn.T @ drawn / len(drawn))[::-1][:5]
    np.testing.assert_allclose(values, statistics.eigenvalues[:5], rtol=0.25)


def test_parts_are_drawn_by_their_weights():
    means = np.eye(2, 8, dtype=np.float32)
    weights = np.array([0.75, 0.25], np.float32)
    parts = Mixture(weights, means, np.zeros((2, 1, 8), np.float32), np.full((2, 8), 1e-3, np.float32))
    drawn = np.concatenate(list(draw_vectors(parts, 20_000, seed=1)))
    first = drawn[:, 0] > 0.9
    assert np.all(first ^ (drawn[:, 1] > 0.9))
    assert first.mean() == pytest.approx(0.75, abs=0.05)
    assert np.all(first.reshape(-1, TOPIC_ROWS).all(axis=1) | ~first.reshape(-1, TOPIC_ROWS).any(axis=1))


def test_the_same_seed_gives_the_same_vectors_however_many_follow(mixture):
    few, many = (np.concatenate(list(draw_vectors(mixture, rows, seed=3))) for rows in (1500, 2500))
    np.testing.assert_array_equal(few, many[:1500])
    other = next(draw_vectors(mixture, 1500, seed=4))
    assert not np.allclose(other, few[:1000])


def test_rows_of_a_topic_are_near_each_other(mixture):
    drawn = next(draw_vectors(mixture, 400, seed=0))
    near = nearest_neighbours(drawn, 5) // TOPIC_ROWS == (np.arange(400) // TOPIC_ROWS)[:, None]
    assert near.mean() > 0.5


@pytest.mark.parametrize("teacher", ["text-embedding-3-small", "text-embedding-ada-002"])
@pytest.mark.parametrize("seed", [0, 1])
def test_methods_rank_on_a_sample_as_on_unseen_vectors(teacher, seed):
    manifest = load_manifest(teacher)
    rows = np.concatenate(list(draw_vectors(teacher_mixture(manifest), 2000, seed)))
    exact = nearest_neighbours(rows, 10)

    def recall(embeddings: np.ndarray) -> float:
        return float(recall_per_row(exact, nearest_neighbours(embeddings, 10)).mean())

    controls = control_projections(manifest.statistics, manifest.output_dim)
    truncation, pca = (recall(project(rows, controls[name])) for name in ("truncation", "PCA"))
    assert truncation + 0.03 < pca
    assert pca + 0.005 < recall(Compressor.load(teacher, threads=1).compress(rows))
