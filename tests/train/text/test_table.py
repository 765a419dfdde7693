import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from linguagen.train.text.data import TokenLists
from linguagen.train.text.table import Bags, solve_table

PIECES = 12


@pytest.fixture
def texts():
    generator = np.random.default_rng(0)
    return TokenLists([generator.integers(1, PIECES - 1, size=n) for n in generator.integers(1, 9, size=80)], 8)


def dense(texts: TokenLists, rows: np.ndarray, importance: np.ndarray, power: float = 1.0) -> np.ndarray:
    """The same matrix, made entry by entry."""
    matrix = np.zeros((len(rows), PIECES))
    for place, row in enumerate(rows):
        tokens = texts.tokens_of(row).tolist()
        for piece in set(tokens):
            matrix[place, piece] = np.exp(importance[piece]) * tokens.count(piece) ** power
    return matrix / matrix.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("power", [1.0, 0.5, 0.0])
def test_bags_are_the_matrix_of_weighted_shares(texts, power):
    generator = np.random.default_rng(1)
    rows, importance = np.array([3, 70, 5, 6, 41]), generator.standard_normal(PIECES).astype(np.float32)
    bags, matrix = Bags(texts, rows, torch.from_numpy(importance), power), dense(texts, rows, importance, power)
    table, targets = generator.standard_normal((PIECES, 3)), generator.standard_normal((5, 3))
    np.testing.assert_allclose(bags.means(torch.from_numpy(table).float()), matrix @ table, atol=1e-6)
    np.testing.assert_allclose(bags.transposed(torch.from_numpy(targets).float()), matrix.T @ targets, atol=1e-6)
    np.testing.assert_allclose(bags.norms(), np.linalg.norm(matrix, axis=1), rtol=1e-6)
    assert bags.counts.tolist() == (matrix > 0).sum(axis=0).tolist()


def test_the_table_is_ridge_regression_drawn_to_its_start(texts):
    """Golden: scikit-learn's Ridge on the difference to the start, weighed by the square root of the length."""
    generator = np.random.default_rng(2)
    rows, importance = np.arange(80), np.zeros(PIECES, np.float32)
    wanted = generator.standard_normal((80, 3)).astype(np.float32)
    start = generator.standard_normal((PIECES, 3)).astype(np.float32)
    matrix = dense(texts, rows, importance)
    model = Ridge(alpha=0.1, fit_intercept=False)
    model.fit(matrix, wanted - matrix @ start, sample_weight=np.sqrt(texts.lengths))
    bags = Bags(texts, rows, torch.from_numpy(importance))
    solved = solve_table(bags, torch.from_numpy(wanted), torch.from_numpy(start))
    np.testing.assert_allclose(solved, start + model.coef_.T, atol=2e-3)
    unseen = PIECES - 1
    torch.testing.assert_close(solved[unseen], torch.from_numpy(start[unseen]))  # a piece of no text stays
