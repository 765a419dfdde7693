import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linguagen.models.errors import UsageError
from linguagen.train.network.blocks import BackwardEncoder, ForwardEncoder
from linguagen.train.vectors.config import EncoderConfig
from linguagen.train.vectors.network import SegmentBlock, VectorNetwork, direction_mask, segment_sizes


def unit(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)), dim=1)


@pytest.mark.parametrize("sizes", [[3, 3, 3, 3], [4, 4, 3, 3]])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("kind", [ForwardEncoder, BackwardEncoder])
def test_a_unit_sees_only_the_segments_on_its_side(kind, layers, sizes):
    """By the Jacobian: d unit / d input is zero exactly where the direction forbids it."""
    torch.manual_seed(0)
    segments, hidden = len(sizes), 2
    inputs = [sizes] + [[hidden] * segments] * (layers - 1)
    encoder = kind(lambda number, reverse: SegmentBlock(inputs[number], hidden, reverse), layers)
    jacobian = torch.autograd.functional.jacobian(lambda x: encoder(x[None])[0], unit(1, sum(sizes))[0])
    by_unit = torch.stack([part.abs().amax(dim=1) for part in jacobian.split(sizes, dim=1)], dim=1)
    by_segment = by_unit.reshape(segments, hidden, segments).amax(dim=1)
    seen = torch.ones(segments, segments).tril().bool()
    assert torch.equal(by_segment > 0, seen if kind is ForwardEncoder else seen.T)


def test_a_block_is_the_formula_on_masked_weights():
    torch.manual_seed(0)
    block, x = SegmentBlock([4, 4, 4], 2, reverse=False), unit(5, 12)
    mask = direction_mask([4, 4, 4], 2, reverse=False)
    u, v, g = (x @ (weight * mask).T for weight in (block.u, block.v, block.g))
    torch.testing.assert_close(block(x), u * v * torch.sigmoid(g))
    # The bilinear part is torch.nn.Bilinear with the rank-one kernel of each unit.
    full = torch.nn.Bilinear(12, 12, 6, bias=False)
    full.weight.data = torch.einsum("ui,uj->uij", block.u * mask, block.v * mask)
    torch.testing.assert_close(block(x), full(x, x) * torch.sigmoid(g), rtol=1e-4, atol=1e-6)


def test_the_untrained_encoder_is_its_linear_skip():
    encoder, x = VectorNetwork(12, EncoderConfig(dim=5, segments=3)), unit(7, 12)
    torch.testing.assert_close(encoder(x), torch.nn.functional.normalize(encoder.skip(x), dim=1))


@settings(max_examples=20)
@given(st.permutations(range(6)), st.sampled_from(["both", "forward", "backward", "none"]))
def test_each_row_is_encoded_by_itself(order, directions):
    torch.manual_seed(0)
    encoder = VectorNetwork(12, EncoderConfig(dim=5, segments=3, directions=directions))
    if encoder.head is not None:
        torch.nn.init.normal_(encoder.head.weight)
    x = unit(6, 12)
    whole = encoder(x)
    torch.testing.assert_close(encoder(x[order]), whole[order])
    torch.testing.assert_close(encoder(x[order[:1]]), whole[order[:1]])
    torch.testing.assert_close(whole.norm(dim=1), torch.ones(6))


def test_both_directions_have_the_parameters_they_should():
    encoder = VectorNetwork(1536, EncoderConfig())
    units = 2 * 12 * 1
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 1536 * 256 + 3 * 1536 * units + units * 256


@pytest.mark.parametrize("width", [1, 5, 12, 13, 100, 301, 1000, 1024, 1536, 3072])
def test_every_width_is_cut_into_segments_of_nearly_one_size(width):
    sizes = segment_sizes(width, 12)
    assert sum(sizes) == width
    assert len(sizes) == min(12, width)
    assert max(sizes) - min(sizes) <= 1
    assert sizes == [len(part) for part in np.array_split(np.arange(width), len(sizes))]


@pytest.mark.parametrize("width", [7, 13, 100])
def test_an_encoder_of_any_width_encodes(width):
    encoder = VectorNetwork(width, EncoderConfig(dim=5))
    assert encoder(unit(3, width)).shape == (3, 5)


def test_vectors_narrower_than_the_embedding_are_refused():
    with pytest.raises(UsageError, match="width 48 cannot be compressed to 64 dimensions; give --dim 48 or less"):
        VectorNetwork(48, EncoderConfig(dim=64))
