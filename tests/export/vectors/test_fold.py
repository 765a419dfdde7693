import numpy as np
import pytest
import torch

from linguagen.export.graph.integers import calibrate
from linguagen.export.graph.model import IR_VERSION, OPSET
from linguagen.export.vectors.fold import fold
from linguagen.export.vectors.graph import build_graph
from linguagen.runtime.vectors import Array
from linguagen.train.vectors.config import EncoderConfig
from linguagen.train.vectors.network import VectorNetwork


def encoder(directions: str, layers: int) -> VectorNetwork:
    torch.manual_seed(0)
    made = VectorNetwork(48, EncoderConfig(dim=8, segments=6, hidden=3, layers=layers, directions=directions))
    if made.head is not None:
        torch.nn.init.normal_(made.head.weight, std=2.0)  # large, so that a mistake in the units shows
    return made.eval()


def run(model, vectors: Array) -> Array:
    import onnxruntime

    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"vectors": vectors})[0]


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("directions", ["both", "forward", "backward", "none"])
def test_the_folded_graph_is_the_encoder(tiny_vectors, directions, layers):
    made = encoder(directions, layers)
    with torch.no_grad():
        golden = made(torch.from_numpy(tiny_vectors)).numpy()
    np.testing.assert_allclose(run(build_graph(fold(made)), tiny_vectors), golden, atol=1e-5)
    half = run(build_graph(fold(made), half=True), tiny_vectors)
    np.testing.assert_allclose(half, golden, atol=5e-3)
    assert np.abs(half - golden).max() > 1e-6  # it is half precision indeed


@pytest.mark.parametrize("spike", [0.0, 3.0])
def test_int8_stays_near_the_encoder_with_and_without_outlier_dimensions(tiny_vectors, spike):
    vectors = tiny_vectors.copy()
    vectors[:, 5] += spike
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    made, calibration = encoder("both", 1), calibrate(vectors)
    with torch.no_grad():
        golden = made(torch.from_numpy(vectors)).numpy()
    assert (5 in calibration.float32_dimensions) == (spike > 0)
    found = run(build_graph(fold(made), calibration), vectors)
    assert (found * golden).sum(axis=1).mean() > 0.99


def test_the_format_is_one_that_onnxruntime_1_20_reads(tiny):
    import onnx

    for kind in ("none", "fp16", "int8"):
        model = onnx.load(tiny[kind])
        assert (model.ir_version, model.opset_import[0].version) == (IR_VERSION, OPSET) == (9, 18)
        assert {node.domain for node in model.graph.node} == {""}
        assert all(tensor.data_location == tensor.DEFAULT for tensor in model.graph.initializer)
