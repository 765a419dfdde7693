import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from linguagen.export.graph.integers import calibrate, round_columns
from linguagen.export.vectors.fold import fold
from linguagen.export.vectors.graph import build_graph
from linguagen.train.vectors.finished import load_finished


class Reader(CalibrationDataReader):
    def __init__(self, vectors: np.ndarray) -> None:
        self.batches = iter([{"vectors": vectors}])

    def get_next(self):
        return next(self.batches, None)


@pytest.mark.filterwarnings("ignore")
def test_rounding_is_onnxruntimes_own_static_quantisation(tiny, tmp_path, tiny_vectors):
    """Golden answers from onnxruntime's quantizer, run on the float graph with the same settings."""
    run = load_finished(tiny["run"])
    assert calibrate(run.calibration).float32_dimensions == ()
    onnx.save(build_graph(fold(run.network)), tmp_path / "float.onnx")
    quantize_static(
        tmp_path / "float.onnx",
        tmp_path / "golden.onnx",
        Reader(run.calibration),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        nodes_to_quantize=["linear"],
        extra_options={"ActivationSymmetric": True, "OpTypesToExcludeOutputQuantization": ["MatMul"]},
    )
    ours, golden = (
        onnxruntime.InferenceSession(str(path)).run(["embeddings"], {"vectors": tiny_vectors})[0]
        for path in (tiny["int8"], tmp_path / "golden.onnx")
    )
    np.testing.assert_allclose(ours, golden, atol=2e-3)


@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 12))
def test_rounded_columns_are_within_half_a_step(seed, inputs, outputs):
    weights = np.random.default_rng(seed).standard_normal((inputs, outputs)).astype(np.float32)
    weights[:, 0] = 0
    integers, scales = round_columns(weights)
    assert integers.dtype == np.int8
    assert (np.abs(integers * scales - weights) <= scales / 2 + 1e-6).all()
    assert np.abs(integers[:, 1:]).max(axis=0, initial=0).tolist() == [127] * (outputs - 1)


def test_the_range_is_that_of_the_ordinary_dimensions():
    vectors = np.random.default_rng(0).uniform(-0.1, 0.1, (200, 50)).astype(np.float32)
    vectors[0, 0] = 0.1
    assert calibrate(vectors).float32_dimensions == ()
    vectors[3, [7, 20]] = [0.6, -0.9]
    calibration = calibrate(vectors)
    assert calibration.float32_dimensions == (20, 7)  # the largest first
    assert calibration.input_scale == pytest.approx(0.1 / 127)
    assert calibration.rows == 200


def test_never_more_than_sixteen_dimensions_stay_in_float():
    vectors = np.full((10, 64), 0.01, np.float32)
    vectors[:, :30] = 1.0
    vectors[:, 30:] = 0.01
    assert len(calibrate(vectors).float32_dimensions) <= 16
