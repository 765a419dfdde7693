import faiss
import numpy as np

from linguagen.runtime.codes.lattice import GAUSSIAN_LENGTH, directed_levels, directions, nearest_directions


def test_the_directions_are_the_shortest_vectors_of_e8_and_the_axes():
    found = directions() * 2**0.5  # the lattice's own scale
    assert found.shape == (256, 8)
    assert len(np.unique(found, axis=0)) == 256
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 2**0.5, rtol=1e-6)
    roots = found[:240]
    products = np.rint(roots @ roots.T)
    np.testing.assert_allclose(roots @ roots.T, products, atol=1e-5)  # a lattice: whole inner products
    # Each root of E8 has 56 neighbours at 60 degrees, 126 at 90, 56 at 120 and its opposite.
    assert [(products[0] == value).sum() for value in (2, 1, 0, -1, -2)] == [1, 56, 126, 56, 1]
    assert sorted(np.abs(found[240:]).max(axis=1)) == [np.float32(2**0.5)] * 16


def test_codes_name_the_nearest_direction_as_faiss_finds_it():
    levels = np.random.default_rng(0).standard_normal((500, 24)).astype(np.float32)
    index = faiss.IndexFlatIP(8)
    index.add(directions())
    blocks = np.stack([levels[:, byte::3] for byte in range(3)], axis=1)  # byte b: dimensions b, b + 3, ...
    wanted = index.search(blocks.reshape(-1, 8), 1)[1].reshape(500, 3)
    np.testing.assert_array_equal(nearest_directions(levels), wanted)


def test_long_inputs_are_coded_in_pieces_to_the_same_codes():
    levels = np.random.default_rng(1).standard_normal((1 << 13, 64)).astype(np.float32)  # 65,536 blocks
    codes = nearest_directions(levels)
    np.testing.assert_array_equal(codes[5000:5100], nearest_directions(levels[5000:5100]))


def test_the_length_and_the_error_are_those_of_a_gaussian():
    levels = np.random.default_rng(2).standard_normal((40_000, 8)).astype(np.float32)
    assert abs((levels @ directions().T).max(axis=1).mean() - GAUSSIAN_LENGTH) < 0.01
    error = ((directed_levels(nearest_directions(levels)) - levels) ** 2).mean()
    signs = ((np.sign(levels) * np.sqrt(2 / np.pi) - levels) ** 2).mean()
    assert 0.315 < error < 0.325
    assert signs > 0.36
