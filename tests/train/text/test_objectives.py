import math

import pytest
import torch

from linguagen.train.text.config import TextEncoderConfig, TextObjectiveConfig
from linguagen.train.text.network import TextNetwork
from linguagen.train.text.objectives import (
    TextBatch,
    TextObjective,
    drop_tokens,
    in_batch_contrast,
    neighbour_tokens,
    noise,
    skip_gram,
)


def unit(rows: int, dim: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(rows, dim), dim=1)


def test_the_contrast_is_the_mean_of_both_softmaxes():
    """Golden: the formula of SimCSE, number by number."""
    torch.manual_seed(0)
    first, second, t = unit(4, 3), unit(4, 3), 0.1
    cosine = [[float(a @ b) / t for b in second] for a in first]
    rows = [math.log(sum(map(math.exp, row))) - row[i] for i, row in enumerate(cosine)]
    columns = [math.log(sum(math.exp(row[i]) for row in cosine)) - cosine[i][i] for i in range(4)]
    assert float(in_batch_contrast(first, second, t)) == pytest.approx(sum(rows + columns) / 8, rel=1e-5)


def test_skip_gram_is_the_formula_of_the_paper():
    torch.manual_seed(0)
    centres, contexts, negatives = torch.randn(3, 4), torch.randn(3, 4), torch.randn(6, 4)
    sigma = lambda value: 1 / (1 + math.exp(-value))  # noqa: E731
    wanted = 0.0
    for centre, context in zip(centres, contexts, strict=True):
        far = [math.log(sigma(-float(centre @ each))) for each in negatives]
        wanted -= math.log(sigma(float(centre @ context))) + 5 * sum(far) / len(far)
    assert float(skip_gram(centres, contexts, negatives)) == pytest.approx(wanted / 3, rel=1e-5)


def test_neighbours_are_of_the_same_text_and_within_the_window():
    torch.manual_seed(0)
    tokens = torch.arange(1, 61).reshape(3, 20)
    tokens[1, 10:] = 0
    for _ in range(20):
        centres, neighbours = neighbour_tokens(tokens, window=3)
        assert len(centres) > 30
        assert ((centres - neighbours).abs() <= 3).all()
        assert (centres != neighbours).all()
        assert ((centres - 1) // 20 == (neighbours - 1) // 20).all()
        assert (centres > 0).all()
        assert (neighbours > 0).all()


def test_dropping_leaves_the_first_token_and_about_the_rest():
    torch.manual_seed(0)
    tokens = torch.ones(200, 20, dtype=torch.long)
    dropped = drop_tokens(tokens, 0.3)
    assert (dropped[:, 0] == 1).all()
    assert float((dropped[:, 1:] == 0).float().mean()) == pytest.approx(0.3, abs=0.03)
    assert drop_tokens(tokens, 0.0) is tokens


def test_noise_is_the_frequency_to_three_quarters_and_never_padding():
    odds = noise(torch.tensor([100, 16, 1, 0]))
    torch.testing.assert_close(odds, torch.tensor([0.0, 8 / 9, 1 / 9, 0.0]))


def test_terms_are_there_where_there_is_data_and_a_weight():
    torch.manual_seed(0)
    encoder = TextNetwork(20, TextEncoderConfig(dim=4, width=4, hidden=2))
    tokens, pairs = torch.randint(1, 20, (16, 5)), (torch.randint(1, 20, (16, 5)), torch.randint(1, 20, (16, 6)))
    frequencies = torch.arange(20)

    def terms(config: TextObjectiveConfig, batch: TextBatch) -> set[str]:
        found = TextObjective(config, frequencies, 4, 0.1)(encoder, batch)
        assert all(torch.isfinite(value) for value in found.values())
        return set(found)

    everything = TextBatch(tokens, unit(16, 4), pairs)
    assert terms(TextObjectiveConfig(), everything) == {"cosine", "neighbourhood", "simcse", "contrastive", "skip_gram"}
    assert terms(TextObjectiveConfig(), TextBatch(tokens, None, None)) == {"simcse", "skip_gram"}
    off = TextObjectiveConfig(cosine=0, neighbourhood=0, simcse=0, contrastive=0, skip_gram=0)
    assert terms(off, everything) == set()
