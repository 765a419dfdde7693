import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linguagen.models.errors import UsageError
from linguagen.train.network.blocks import BilinearGLUBlock
from linguagen.train.network.tokens import DOUBLINGS, FadingSum, TokenBlock, fading_sum
from linguagen.train.text.config import TextEncoderConfig
from linguagen.train.text.data import TokenLists
from linguagen.train.text.network import TextNetwork
from linguagen.train.text.validation import encoded

PIECES = 50


def encoder(**changes: object) -> TextNetwork:
    """With a head that is not zero, so that the readers count."""
    torch.manual_seed(0)
    made = TextNetwork(PIECES, TextEncoderConfig(dim=6, width=5, hidden=4, **changes))
    if made.head is not None:
        torch.nn.init.normal_(made.head.weight)
    torch.nn.init.normal_(made.importance.weight)
    return made.eval()


def tokens(*rows: list[int]) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.booleans())
def test_the_fading_sum_is_the_sum_that_its_name_says(length, reverse):
    """Golden: the formula as two loops in double precision."""
    torch.manual_seed(length)
    x, keep = torch.randn(2, length, 3, dtype=torch.float64), torch.tensor([0.0, 0.5, 0.9], dtype=torch.float64)
    order = x.flip(1) if reverse else x
    wanted = torch.zeros_like(x)
    for i in range(length):
        for k in range(1, min(i, 2**DOUBLINGS) + 1):
            wanted[:, i] += keep ** (k - 1) * order[:, i - k]
    torch.testing.assert_close(fading_sum(x, keep, reverse), wanted.flip(1) if reverse else wanted)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 2, 20])
def test_the_fading_sum_has_the_gradient_of_finite_differences(length, reverse):
    x = torch.randn(2, length, 3, dtype=torch.float64, requires_grad=True)
    keep = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: FadingSum.apply(x, keep, reverse), (x,))


@pytest.mark.parametrize("reverse", [False, True])
def test_a_unit_multiplies_its_token_by_the_others_on_its_side_alone(reverse):
    torch.manual_seed(0)
    block = TokenBlock(5, 4, reverse)
    assert isinstance(block, BilinearGLUBlock)
    jacobian = torch.autograd.functional.jacobian(lambda x: block(x[None])[0], torch.randn(6, 5))  # (6, 4, 6, 5)
    seen = jacobian.abs().amax(dim=(1, 3)) > 0  # (unit's token, token)
    allowed = torch.ones(6, 6).tril().bool()
    allowed = allowed.T if reverse else allowed
    assert not (seen & ~allowed).any()
    lone = 5 if reverse else 0
    assert not block(torch.randn(1, 6, 5))[0, lone].any()  # nothing stands on its side: the product is zero
    seen[lone], allowed[lone] = False, False
    assert torch.equal(seen, allowed)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, PIECES - 1), min_size=1, max_size=20), min_size=1, max_size=6),
    st.integers(0, 9),
    st.sampled_from(["both", "forward", "backward", "none"]),
    st.integers(1, 2),
    st.sampled_from([1.0, 0.5]),
)
def test_padding_and_the_rest_of_the_batch_change_nothing(texts, padding, directions, layers, power):
    model = encoder(directions=directions, layers=layers, term_frequency_power=power)
    whole = model(torch.nn.functional.pad(tokens(*texts), (0, padding)))
    for text, row in zip(texts, whole, strict=True):
        torch.testing.assert_close(model(tokens(text))[0], row, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(whole.norm(dim=1), torch.ones(len(texts)))


def test_order_counts_and_the_mean_of_the_table_knows_none():
    model, one, other = encoder(), tokens([3, 4, 5]), tokens([5, 4, 3])
    assert (model(one) - model(other)).abs().max() > 1e-3
    torch.testing.assert_close(model.mean_of_table(one), model.mean_of_table(other))


def test_the_untrained_encoder_is_the_weighted_mean_of_its_table():
    model = TextNetwork(PIECES, TextEncoderConfig(dim=5, width=5, hidden=4))
    with torch.no_grad():
        model.importance.weight[7] = 1.5
    shares = torch.tensor([1.5, 0.0]).softmax(dim=0)
    wanted = shares[0] * model.embedding.weight[7] + shares[1] * model.embedding.weight[9]
    torch.testing.assert_close(model(tokens([7, 9]))[0], wanted / wanted.norm())
    torch.testing.assert_close(model(tokens([7, 9])), model.mean_of_table(tokens([7, 9])))


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_a_piece_that_a_text_repeats_counts_by_its_power(power):
    """Golden: shares by hand."""
    model = encoder(directions="none", term_frequency_power=power)
    counts, importance = {3: 1, 7: 4, 9: 2}, model.importance.weight.detach()[:, 0]
    share = torch.tensor([count**power * importance[piece].exp() for piece, count in counts.items()])
    wanted = (share / share.sum()) @ model.embedding.weight[list(counts)]
    given = model.unscaled(tokens([7, 3, 7, 9, 7, 9, 7], [9, 9, 9]))[0]
    torch.testing.assert_close(given, model.skip(wanted))


def test_shapes_that_cannot_be_are_refused():
    for power in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match=f"--term-frequency-power is {power}, expected from 0 to 1"):
            TextEncoderConfig(term_frequency_power=power)
    with pytest.raises(UsageError, match="--hidden is 0, expected 1 or more"):
        TextEncoderConfig(hidden=0)
    with pytest.raises(UsageError, match="--directions is 'up', expected one of both, forward, backward, none"):
        TextEncoderConfig(directions="up")


@pytest.mark.parametrize("most", [1 << 16, 8, 1])
def test_texts_are_encoded_in_chunks_of_so_many_tokens_and_come_back_in_order(monkeypatch, most):
    monkeypatch.setattr("linguagen.train.text.validation._CHUNK_TOKENS", most)
    model, texts, shapes = encoder(), [[3] * 9, [4], [5, 6], [7] * 4, [8] * 9], []

    def encode(rows: torch.Tensor) -> torch.Tensor:
        shapes.append(rows.numel())
        return model(rows)

    given = encoded(encode, TokenLists(texts, 9))
    for text, row in zip(texts, given, strict=True):
        torch.testing.assert_close(torch.from_numpy(row), model(tokens(text))[0].detach(), rtol=1e-4, atol=1e-5)
    assert max(shapes) <= max(most, 9)  # a text longer than that is a chunk by itself
