"""Speed of the shipped models next to the control graph, numpy, scikit-learn and faiss, on the same rows and threads.

    make bench

The control is a bare linear 1536 -> 256 layer, int8 QDQ, in onnxruntime: what the machine can do at best.
"""

import functools
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from pytest_benchmark.fixture import BenchmarkFixture

from linguagen.export.vectors.fold import FoldedEncoder
from linguagen.export.vectors.graph import build_graph
from linguagen.models.catalogue import find_model
from linguagen.models.mixture import teacher_mixture
from linguagen.models.model_file import load_manifest
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.measure.control_graph import control_graph
from linguagen.runtime.writing.sample import draw_vectors

BATCHES = (1, 64, 1024, 16384)
MODEL, OTHER = "text-embedding-3-small", "text-embedding-ada-002"
SWEEPS = 4
"""Times that all engines are measured in turn, so that other work on the machine slows all of them."""
Engine = Callable[[np.ndarray], object]
"""Takes vectors (rows, 1536)."""


def session(graph: str | bytes) -> Engine:
    """A graph, from a path or its bytes, in onnxruntime on all cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    made = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda rows: made.run(None, {"vectors": rows})


def float_twin(name: str) -> bytes:
    """The float32 graph of a shipped int8 file, from its own weights."""
    graph = onnx.load(find_model(name)).graph
    stored = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    linear = stored["linear_weight_int8"] * stored["linear_weight_scale"]
    if "outlier_dims" in stored:
        linear[stored["outlier_dims"]] = stored["outlier_weight"]
    folded = FoldedEncoder(linear.astype(np.float32), (), stored["head_weight"])
    return bytes(build_graph(folded).SerializeToString())


def numpy_product() -> Engine:
    """One matrix product of the encoder's size."""
    projection = np.random.default_rng(0).standard_normal((1536, 256)).astype(np.float32)
    return lambda rows: rows @ projection


def scikit_pca() -> Engine:
    """scikit-learn's PCA to 256 dimensions."""
    from sklearn.decomposition import PCA

    fitted = PCA(256, svd_solver="randomized", random_state=0).fit(vectors(1024))
    return fitted.transform  # type: ignore[no-any-return]


def faiss_pca() -> Engine:
    """PCA of faiss to 256 dimensions."""
    import faiss

    matrix = faiss.PCAMatrix(1536, 256)
    matrix.train(vectors(2048))
    return matrix.apply


def vectors(rows: int) -> np.ndarray:
    """Synthetic vectors (rows, 1536) like the model's teacher's."""
    return np.concatenate(list(draw_vectors(teacher_mixture(load_manifest(MODEL)), rows, seed=0)))


ENGINES: dict[str, Callable[[], Engine]] = {
    "control graph, int8": lambda: session(control_graph(1536, 256)),
    f"{MODEL}, int8": lambda: session(str(find_model(MODEL))),
    f"{MODEL}, float32": lambda: session(float_twin(MODEL)),
    f"{OTHER}, int8": lambda: session(str(find_model(OTHER))),
    f"{OTHER}, float32": lambda: session(float_twin(OTHER)),
    "numpy matmul, float32": numpy_product,
    "scikit-learn PCA.transform": scikit_pca,
    "faiss PCAMatrix": faiss_pca,
}


@functools.cache
def engine(name: str) -> Engine:
    """An engine by its name in ENGINES, made once."""
    return ENGINES[name]()


@pytest.mark.parametrize("name", list(ENGINES))
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("sweep", range(SWEEPS))
def test_speed(benchmark: BenchmarkFixture, sweep: int, name: str, batch: int) -> None:
    """Time one engine on one batch."""
    rows = vectors(batch)
    benchmark.extra_info.update(engine=name, batch=batch, sweep=sweep)
    # Many short rounds, so that the fastest of them saw the machine to itself.
    rounds = max(5, min(1000, 40_000 // batch))
    benchmark.pedantic(engine(name), (rows,), rounds=rounds, warmup_rounds=3)  # type: ignore[no-untyped-call]
