import itertools

import pytest
import torch

from linguagen.models.manifests.tagger import HashedFeature, WordFeatures
from linguagen.train.tagger.config import TaggerShape
from linguagen.train.tagger.network import TaggerNetwork
from linguagen.train.tagger.objectives import NO_LABEL, chain_loss, hide

FEATURES = WordFeatures(30, 4, (HashedFeature("form", 20), HashedFeature("suffix", 10, 2)))


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = TaggerNetwork(FEATURES, 5, TaggerShape(width=8, hidden=12, units=6, layers=2)).eval()
    made.table.pieces.data[1:] = torch.randn(29, 8)
    for layer in made.layers:
        if hasattr(layer, "out"):
            torch.nn.init.normal_(layer.out.weight)
    return made


def rows(batch, words):
    generator = torch.Generator().manual_seed(1)
    pieces = torch.randint(1, 30, (batch, words, 4), generator=generator)
    hashed = torch.stack([torch.randint(30, 50, (batch, words)), torch.randint(50, 60, (batch, words))], dim=2)
    return torch.cat([pieces, hashed], dim=2)


def test_padding_and_neighbours_in_a_batch_change_nothing(network):
    features = rows(3, 40)
    features[1, 25:] = 0
    with torch.no_grad():
        together, alone = network(features), network(features[1:2, :25])
    torch.testing.assert_close(together[1:2, :25], alone)


def test_a_word_sees_those_within_its_reach_and_no_others(network):
    features = rows(1, 90)
    changed = features.clone()
    changed[0, 0] = rows(1, 1)[0, 0].roll(1).clamp(max=29)
    with torch.no_grad():
        moved = (network(changed) - network(features)).abs().sum(dim=2)[0] > 0
    assert network.reach == 34
    assert moved[:20].all()
    assert not moved[network.reach + 1 :].any()


def test_the_chain_loss_is_that_of_all_sequences_counted_one_by_one():
    torch.manual_seed(0)
    scores, transitions = torch.randn(2, 3, 3), torch.randn(4, 3)
    labels = torch.tensor([[0, 2, 1], [1, 1, NO_LABEL]])

    def total(row, sequence):
        before = [0, *(label + 1 for label in sequence)]
        return sum(scores[row, n, label] + transitions[before[n], label] for n, label in enumerate(sequence))

    expected = 0
    for row, length in enumerate((3, 2)):
        every = torch.stack([total(row, each) for each in itertools.product(range(3), repeat=length)])
        expected = expected + every.logsumexp(0) - total(row, labels[row, :length].tolist())
    torch.testing.assert_close(chain_loss(scores, labels, transitions), expected / 5)


def test_hidden_words_lose_their_form_or_their_pieces_and_nothing_else():
    torch.manual_seed(0)
    features = rows(8, 50)
    hidden = hide(features, FEATURES, 0.4)
    no_form, no_pieces = hidden[..., 4] == 0, (hidden[..., :4] == 0).all(dim=2)
    assert 0.3 < no_form.float().mean() < 0.5
    assert 0.1 < no_pieces.float().mean() < 0.3
    assert not (no_form & no_pieces).any()
    assert torch.equal(hidden[..., 5], features[..., 5])
