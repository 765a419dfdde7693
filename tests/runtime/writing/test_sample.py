import numpy as np
import pytest
from make_tiny_model import statistics_of

from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.runtime.measure.fidelity import nearest_neighbours
from linguagen.runtime.writing.sample import TOPIC_ROWS, draw_vectors


@pytest.fixture
def statistics(tiny_vectors) -> TeacherStatistics:
    return statistics_of(tiny_vectors, 20)


def test_drawn_vectors_have_the_mean_and_spectrum_they_are_drawn_from(statistics, tiny_vectors):
    drawn = np.concatenate(list(draw_vectors(statistics, 20_000, seed=0)))
    assert drawn.shape == (20_000, 48)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1, atol=1e-6)
    mean = drawn.mean(axis=0)
    assert mean @ statistics.mean / np.linalg.norm(mean) / np.linalg.norm(statistics.mean) > 0.99
    assert np.linalg.norm(mean) == pytest.approx(np.linalg.norm(statistics.mean), rel=0.15)
    values = np.linalg.eigvalsh(drawn.T @ drawn / len(drawn))[::-1][:5]
    np.testing.assert_allclose(values, statistics.eigenvalues[:5], rtol=0.25)


def test_the_same_seed_gives_the_same_vectors_however_many_follow(statistics):
    few, many = (np.concatenate(list(draw_vectors(statistics, rows, seed=3))) for rows in (1500, 2500))
    np.testing.assert_array_equal(few, many[:1500])
    other = next(draw_vectors(statistics, 1500, seed=4))
    assert not np.allclose(other, few[:1000])


def test_rows_of_a_topic_are_near_each_other(statistics):
    drawn = next(draw_vectors(statistics, 400, seed=0))
    near = nearest_neighbours(drawn, 5) // TOPIC_ROWS == (np.arange(400) // TOPIC_ROWS)[:, None]
    assert near.mean() > 0.5
