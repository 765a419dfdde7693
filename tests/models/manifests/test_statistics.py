import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD

from linguagen.models.manifests.statistics import TeacherStatistics


@pytest.fixture
def statistics(tiny_vectors) -> TeacherStatistics:
    moment = (tiny_vectors.T @ tiny_vectors / len(tiny_vectors)).astype(np.float64)
    return TeacherStatistics.from_moments(tiny_vectors.mean(axis=0, dtype=np.float64), moment, 8)


def test_eigenvectors_span_what_scikit_learns_truncated_svd_finds(statistics, tiny_vectors):
    golden = TruncatedSVD(8, algorithm="arpack", random_state=0).fit(tiny_vectors)
    np.testing.assert_allclose(
        statistics.eigenvalues[:8], golden.singular_values_**2 / len(tiny_vectors), rtol=1e-4, atol=1e-7
    )
    overlap = np.abs(np.einsum("ij,ji->i", golden.components_, statistics.eigenvectors[:, :8]))
    np.testing.assert_allclose(overlap, 1, atol=1e-3)


def test_low_rank_plus_diagonal_has_the_diagonal_of_the_moment(statistics, tiny_vectors):
    diagonal = (statistics.eigenvectors**2) @ statistics.eigenvalues + statistics.residual
    np.testing.assert_allclose(diagonal, (tiny_vectors**2).mean(axis=0), rtol=1e-4, atol=1e-7)


def test_a_basis_narrower_than_the_space_leaves_the_rest_on_the_diagonal(monkeypatch, tiny_vectors):
    monkeypatch.setattr("linguagen.models.manifests.statistics.LEAST_RANK", 1)
    moment = (tiny_vectors.T @ tiny_vectors / len(tiny_vectors)).astype(np.float64)
    narrow = TeacherStatistics.from_moments(tiny_vectors.mean(axis=0, dtype=np.float64), moment, 8)
    assert narrow.eigenvectors.shape == (48, 8)
    np.testing.assert_allclose(np.diag(narrow.moment()), np.diag(moment), rtol=1e-4)
    leading = narrow.eigenvectors.T @ narrow.moment() @ narrow.eigenvectors
    assert np.trace(leading) >= narrow.eigenvalues.sum()


def test_captured_share_averages_to_the_expected_share(statistics, tiny_vectors):
    assert statistics.captured(tiny_vectors).mean() == pytest.approx(statistics.expected_captured, abs=1e-3)
    inside = (np.random.default_rng(0).standard_normal((5, 48)) @ statistics.eigenvectors.T).astype(np.float32)
    np.testing.assert_allclose(statistics.captured(inside), 1, atol=1e-5)


def test_a_document_keeps_the_basis_to_half_precision(statistics):
    back = TeacherStatistics.from_document(statistics.to_document())
    np.testing.assert_array_equal(back.mean, statistics.mean)
    np.testing.assert_allclose(back.eigenvectors, statistics.eigenvectors, atol=5e-4)
