import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from scipy.stats import entropy

from linguagen.train.network.losses import neighbourhood
from linguagen.train.vectors.config import ObjectiveConfig
from linguagen.train.vectors.objectives import Objective, cosine, pairwise, top_k, without_subspace


@pytest.fixture
def cosines(tiny_vectors) -> tuple[torch.Tensor, torch.Tensor]:
    rows = torch.from_numpy(tiny_vectors[:40])
    short = torch.nn.functional.normalize(rows[:, :9], dim=1)
    return rows @ rows.T, short @ short.T


def test_neighbourhood_is_scipys_entropy_row_by_row(cosines):
    teacher, student = (item.double().numpy() for item in cosines)
    total = 0.0
    for row in range(40):
        others = np.arange(40) != row
        wanted, given = (np.exp(log_softmax(item[row, others] / 0.05)) for item in (teacher, student))
        total += entropy(wanted, given)
    assert neighbourhood(*cosines, temperature=0.05).item() == pytest.approx(total / 40, rel=1e-4)


def test_pairwise_and_top_k_are_numpys(cosines):
    teacher, student = (item.numpy() for item in cosines)
    assert pairwise(*cosines).item() == pytest.approx(np.mean((teacher - student) ** 2), rel=1e-5)
    masked = teacher.copy()
    np.fill_diagonal(masked, -2)
    nearest = np.argsort(-masked, axis=1)[:, :10]
    change = np.abs(np.take_along_axis(student - teacher, nearest, axis=1))
    assert top_k(*cosines).item() == pytest.approx(change.mean(), rel=1e-5)


def test_every_term_is_zero_for_the_vectors_themselves(tiny_vectors):
    x = torch.from_numpy(tiny_vectors[:40])
    terms = Objective(ObjectiveConfig(top_k=1.0))(x, x, 2 * x)
    assert set(terms) == {"neighbourhood", "pairwise", "top_k", "cosine"}
    assert all(abs(term.item()) < 1e-5 for term in terms.values())


def test_weights_scale_terms_and_zero_leaves_them_out(tiny_vectors):
    x = torch.from_numpy(tiny_vectors[:40])
    z = torch.nn.functional.normalize(x[:, :9], dim=1)
    single, double = (
        Objective(ObjectiveConfig(neighbourhood=0.0, pairwise=weight, cosine=0.0))(x, z, x) for weight in (1.0, 2.0)
    )
    assert set(single) == {"pairwise"}
    assert double["pairwise"].item() == pytest.approx(2 * single["pairwise"].item())


def test_the_half_term_is_the_neighbourhood_term_of_the_first_half(tiny_vectors):
    x = torch.from_numpy(tiny_vectors[:40])
    z = torch.nn.functional.normalize(x[:, :16], dim=1)
    config = ObjectiveConfig(neighbourhood=0.0, pairwise=0.0, cosine=0.0, half=2.0)
    first = torch.nn.functional.normalize(z[:, :8], dim=1)
    wanted = 2 * neighbourhood(x @ x.T, first @ first.T, config.temperature)
    torch.testing.assert_close(Objective(config)(x, z, x), {"half": wanted})


def test_cosine_ignores_length():
    x, back = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[5.0, 0.0], [1.0, 1.0]])
    assert cosine(x, back).item() == pytest.approx(1 - (1 + 2**-0.5) / 2, abs=1e-6)


def test_a_removed_subspace_is_gone_and_half_of_it_half_gone(tiny_vectors):
    x, others = torch.from_numpy(tiny_vectors[:30]).double(), torch.from_numpy(tiny_vectors[100:106]).double()
    basis = torch.linalg.qr(others.T).Q
    left = without_subspace(x, others, strength=1.0)
    assert (left @ basis).abs().max() < 1e-2
    torch.testing.assert_close(left.norm(dim=1), torch.ones(30, dtype=torch.float64))
    wanted = torch.nn.functional.normalize(x - 0.5 * x @ basis @ basis.T, dim=1)
    torch.testing.assert_close(without_subspace(x, others, strength=0.5), wanted, atol=1e-3, rtol=0)
