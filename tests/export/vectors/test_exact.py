"""int8 files give the numbers of exact arithmetic on real vectors, whatever integer instructions the processor has."""

import numpy as np
import onnx
import pytest
from make_tiny_model import DIM, WIDTH
from onnx import numpy_helper, version_converter
from onnx.reference import ReferenceEvaluator

from linguagen.export.graph.integers import SEVEN_BITS
from linguagen.models.catalogue import find_model
from linguagen.runtime import Compressor

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def exact(path, vectors: np.ndarray) -> np.ndarray:
    """Embeddings by onnx's own reference, in numpy, which multiplies the rounded numbers in float32."""
    model = version_converter.convert_version(onnx.load(path), 21)  # the reference knows no older DequantizeLinear
    return ReferenceEvaluator(model).run(["embeddings"], {"vectors": vectors})[0]


@pytest.mark.shared
@pytest.mark.parametrize("teacher", ["text-embedding-3-small", "text-embedding-ada-002"])
@pytest.mark.parametrize("suffix", ["", "-512"])
def test_shipped_models_are_exact_on_real_vectors(shared, teacher, suffix):
    vectors = np.load(shared / "vectors" / teacher / "dev.npy")[:300].astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    embeddings = Compressor.load(teacher + suffix).compress(vectors)
    assert np.abs(embeddings - exact(find_model(teacher + suffix), vectors)).max() <= 1e-5


def test_the_largest_products_fit(tiny, tmp_path):
    """Inputs and weights at their largest, where sums of two products would not fit with eight bits."""
    assert WIDTH % 2 == 0
    model = onnx.load(tiny["int8"])
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    assert np.abs(stored["linear_weight_int8"]).max() == SEVEN_BITS
    signs = np.sign(stored["linear_weight_int8"][:, :DIM]).T.astype(np.float32)  # (DIM, WIDTH)
    vectors = signs / np.linalg.norm(signs, axis=1, keepdims=True)
    embeddings = Compressor.load(tiny["int8"]).compress(vectors)
    assert np.abs(embeddings - exact(tiny["int8"], vectors)).max() <= 1e-5
