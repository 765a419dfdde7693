import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_tiny_model import statistics_of
from sklearn.neighbors import NearestNeighbors

from linguagen.models.errors import VectorError
from linguagen.runtime.measure.controls import PCA, SOFTENED_PCA, TRUNCATION, control_projections, project
from linguagen.runtime.measure.fidelity import (
    FidelitySet,
    difference_interval,
    nearest_neighbours,
    recall_by_origin,
    recall_per_row,
    reconstruction_cosine,
)


def test_neighbours_are_those_of_scikit_learn(tiny_vectors):
    golden = NearestNeighbors(n_neighbors=6, metric="cosine").fit(tiny_vectors).kneighbors(return_distance=False)
    found = nearest_neighbours(tiny_vectors, 6)
    assert [set(row) for row in found] == [set(row) for row in golden]


def test_neighbours_and_recall_are_those_of_faiss(tiny_vectors):
    half = project(tiny_vectors, np.eye(48, 12, dtype=np.float32))
    golden = []
    for vectors in (tiny_vectors, half):
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        golden.append(index.search(vectors, 11)[1])
    shares = [
        len(set(a[a != row][:10]) & set(b[b != row][:10])) / 10 for row, (a, b) in enumerate(zip(*golden, strict=True))
    ]
    assert FidelitySet(tiny_vectors).measure("half", half).row.recall == pytest.approx(np.mean(shares), abs=1e-6)


@settings(max_examples=25)
@given(st.integers(1, 5), st.integers(0, 2**31))
def test_a_row_is_never_its_own_neighbour_even_among_duplicates(count, seed):
    vectors = np.random.default_rng(seed).standard_normal((4, 3)).astype(np.float32).repeat(2, axis=0)
    found = nearest_neighbours(vectors, count)
    assert (found != np.arange(8)[:, None]).all()
    assert all(len(set(row)) == count for row in found)


def test_recall_counts_the_share_kept():
    exact, approximate = np.array([[1, 2], [3, 4], [5, 6]]), np.array([[2, 1], [4, 9], [7, 8]])
    np.testing.assert_array_equal(recall_per_row(exact, approximate), np.float32([1, 0.5, 0]))


def test_the_originals_keep_everything(tiny_vectors):
    row = FidelitySet(tiny_vectors).measure_reconstructed("same", tiny_vectors, 3 * tiny_vectors).row
    assert row.recall == 1
    assert row.pair_correlation == pytest.approx(1)
    assert row.pair_error == 0
    assert row.mean_cosine == row.mean_cosine_before
    assert row.reconstruction == pytest.approx(1)


def test_pair_correlation_is_numpys_over_all_pairs(tiny_vectors):
    half = project(tiny_vectors, np.eye(48, 12, dtype=np.float32))
    upper = np.triu_indices(len(half), 1)
    before, after = (tiny_vectors @ tiny_vectors.T)[upper], (half @ half.T)[upper]
    row = FidelitySet(tiny_vectors).measure("half", half).row
    assert row.pair_correlation == pytest.approx(np.corrcoef(before, after)[0, 1], abs=0.01)
    assert row.pair_error == pytest.approx(np.abs(before - after).mean(), rel=0.03)
    assert row.mean_cosine == pytest.approx(after.mean(), abs=0.01)


def test_embeddings_that_are_all_alike_correlate_with_nothing(tiny_vectors):
    row = FidelitySet(tiny_vectors).measure("collapsed", np.ones((300, 4), np.float32) / 2).row
    assert row.pair_correlation == 0
    assert row.mean_cosine == pytest.approx(1)


def test_reconstruction_is_the_mean_cosine():
    vectors, back = np.float32([[1, 0], [0, 1]]), np.float32([[2, 0], [1, 1]])
    assert reconstruction_cosine(vectors, back) == pytest.approx((1 + 2**-0.5) / 2)


def test_too_few_vectors_for_their_neighbours_are_refused(tiny_vectors):
    with pytest.raises(VectorError, match=r"11 vectors are too few for recall@10: at least 12 are needed; give more"):
        FidelitySet(tiny_vectors[:11])


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        first, second = generator.normal(0.6, 0.2, (2, 400)).astype(np.float32)
        low, high = difference_interval(first + 0.05, second)
        covered += low < 0.05 < high
    assert 270 <= covered <= 297


def test_recall_by_origin_averages_inside_each_source(tiny_vectors):
    fidelity, sources = FidelitySet(tiny_vectors), np.arange(300) % 3
    measured = fidelity.measure("half", project(tiny_vectors, np.eye(48, 12, dtype=np.float32)))
    by_source = recall_by_origin([measured], sources)
    assert set(by_source) == {0, 1, 2}
    assert np.mean([values[0] for values in by_source.values()]) == pytest.approx(measured.row.recall, abs=1e-6)


def test_controls_are_what_their_names_say(tiny_vectors):
    statistics = statistics_of(tiny_vectors, 48)
    projections = control_projections(statistics, 8)
    np.testing.assert_array_equal(tiny_vectors @ projections[TRUNCATION], tiny_vectors[:, :8])
    values, vectors = np.linalg.eigh((tiny_vectors.T @ tiny_vectors).astype(np.float64))
    top = vectors[:, ::-1][:, :8]
    np.testing.assert_allclose(projections[PCA] @ projections[PCA].T, top @ top.T, atol=1e-3)
    lengths = np.linalg.norm(projections[SOFTENED_PCA], axis=0)
    np.testing.assert_allclose(lengths, (values[::-1][:8] / values[-1]) ** -0.05, rtol=1e-3)


def test_softened_pca_of_fewer_directions_than_dimensions_stays_finite():
    vectors = np.eye(3, 12, dtype=np.float32).repeat(5, axis=0)
    projections = control_projections(statistics_of(vectors, 6), 6)
    assert all(np.isfinite(projection).all() for projection in projections.values())
    assert np.isfinite(project(vectors, projections[SOFTENED_PCA])).all()
