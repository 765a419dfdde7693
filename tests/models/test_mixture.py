import numpy as np
import pytest
from make_tiny_model import statistics_of, tiny_vectors

from linguagen.models.mixture import Mixture, mixture_path, teacher_mixture
from linguagen.models.model_file import load_manifest

TEACHERS = ("text-embedding-3-small", "text-embedding-ada-002")


def test_a_written_mixture_is_read_back_within_half_a_step_of_its_levels(tmp_path):
    generator = np.random.default_rng(0)
    factors = generator.standard_normal((3, 4, 48)).astype(np.float32)
    noise = np.broadcast_to(generator.uniform(0.1, 0.2, (3, 1)).astype(np.float32), (3, 48))
    mixture = Mixture(np.array([0.5, 0.25, 0.25], np.float32), factors[:, 0], factors, noise)
    mixture.write(tmp_path / "m.npz")
    back = Mixture.read(tmp_path / "m.npz")
    steps = np.abs(factors).max(axis=2, keepdims=True) / 7
    assert np.all(np.abs(back.factors - factors) <= 0.51 * steps)
    np.testing.assert_allclose(back.means, mixture.means, rtol=1e-3)
    np.testing.assert_allclose(back.noise, noise, rtol=1e-6)
    np.testing.assert_array_equal(back.weights, mixture.weights)


def test_statistics_are_one_gaussian_with_their_second_moment():
    statistics = statistics_of(tiny_vectors(600, seed=0), 20)
    mixture = Mixture.of_statistics(statistics)
    mean, factor = mixture.means[0], mixture.factors[0]
    moment = factor.T @ factor + np.diag(mixture.noise[0] ** 2) + np.outer(mean, mean)
    # The mean has a part outside the leading directions, which the one Gaussian adds to the moment.
    np.testing.assert_allclose(moment, statistics.moment() + np.diag(statistics.residual), atol=2e-3)


@pytest.mark.parametrize("teacher", TEACHERS)
def test_every_model_of_a_teacher_has_the_mixture_that_ships(teacher):
    assert mixture_path(teacher).stat().st_size < 150_000
    for model in (teacher, f"{teacher}-512"):
        mixture = teacher_mixture(load_manifest(model))
        assert mixture.means.shape == (12, 1536)
        assert mixture.weights.sum() == pytest.approx(1, abs=1e-5)


def test_a_model_of_another_teacher_has_the_gaussian_of_its_statistics(tiny):
    mixture = teacher_mixture(load_manifest(tiny["int8"]))
    assert len(mixture.weights) == 1
