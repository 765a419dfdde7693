import pickle
import threading
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from linguagen.export.graph.model import with_manifest
from linguagen.models.errors import DeviceError, ModelFileError, UsageError
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.manifests.vectors import GraphCodes
from linguagen.models.model_file import read_model_file
from linguagen.runtime import Compressor
from linguagen.runtime.cores import _quota, usable_cores
from linguagen.runtime.encoders.engine import CPU_PROVIDER, CUDA_PROVIDER, _run_bound, choose_provider

BOTH = [CUDA_PROVIDER, CPU_PROVIDER]


@pytest.mark.parametrize(
    ("device", "available", "expected"),
    [
        ("auto", BOTH, CUDA_PROVIDER),
        ("auto", [CPU_PROVIDER], CPU_PROVIDER),
        ("cpu", BOTH, CPU_PROVIDER),
        ("cuda", BOTH, CUDA_PROVIDER),
    ],
)
def test_a_device_names_a_provider(device, available, expected):
    assert choose_provider(device, available) == expected


def test_cuda_asked_for_by_name_and_not_there_is_an_error_that_names_the_fix():
    with pytest.raises(DeviceError, match="'cuda' was asked for, but .* offers only CPUExec.*replace onnxruntime with"):
        choose_provider("cuda", [CPU_PROVIDER])


def test_unknown_devices_and_thread_counts_are_wrong_use(tiny):
    with pytest.raises(UsageError, match="device 'tpu' is not known; expected one of auto, cpu, cuda"):
        choose_provider("tpu", BOTH)
    with pytest.raises(UsageError, match="threads is 0, expected 1 or more"):
        Compressor.load(tiny["int8"], threads=0)


def test_a_cuda_provider_that_does_not_start_is_an_error_not_a_fall_back(tiny, monkeypatch):
    import onnxruntime

    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: BOTH)
    # What onnxruntime-gpu does where a CUDA library is missing: it logs, and runs on the CPU.
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda *words, providers: real(*words, providers=[CPU_PROVIDER])
    )
    with pytest.raises(
        DeviceError, match="the CUDA provider did not start .* install those libraries, or use device='cpu'"
    ):
        Compressor.load(tiny["int8"], device="cuda")


def _sealed(path, model, **changes):
    """Write a model with its tiny manifest, changed and sealed anew."""
    manifest = replace(read_model_file(path).manifest, **changes)
    edited = path.parent / "edited.onnx"
    edited.write_bytes(with_manifest(model, manifest, {})[0])
    return edited


def test_a_manifest_that_contradicts_the_graph_is_refused(tiny):
    moments = read_model_file(tiny["int8"]).manifest.embedding_moments
    narrow = EmbeddingMoments(moments.mean[:7], moments.covariance[:7, :7])
    path = _sealed(tiny["int8"], onnx.load(tiny["int8"]), output_dim=7, embedding_moments=narrow)
    with pytest.raises(ModelFileError, match=r"its manifest says .*\('embeddings', 7\).*; the file was edited"):
        Compressor.load(path)


def test_an_output_without_dimensions_is_refused(tiny):
    model = onnx.load(tiny["int8"])
    scalar = helper.make_tensor_value_info("one", TensorProto.FLOAT, [])
    model.graph.initializer.append(helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]))
    model.graph.output.append(scalar)
    with pytest.raises(ModelFileError, match=r"its graph has inputs and outputs .*\('one',\).*, its manifest says"):
        Compressor.load(_sealed(tiny["int8"], model))


@pytest.mark.parametrize("codes", [GraphCodes("int3", 8), GraphCodes("int8", 9), GraphCodes("int8", -1)])
def test_codes_that_do_not_exist_are_refused(tiny, codes):
    path = _sealed(tiny["int8"], onnx.load(tiny["int8"]), codes=codes)
    with pytest.raises(
        ModelFileError, match=r"edited.onnx: its manifest has codes that do not exist \(.*\); export it"
    ):
        Compressor.load(path)


def test_a_graph_that_onnxruntime_cannot_run_is_refused(tiny, tmp_path):
    model = onnx.load(tiny["none"])
    node = next(item for item in model.graph.node if item.op_type == "MatMul")
    node.input[1] = "sizes"  # a weight of whole numbers
    del model.metadata_props[:]
    path = tmp_path / "wrong.onnx"
    monkey = pytest.MonkeyPatch()
    monkey.setattr(onnx.checker, "check_model", lambda *words, **more: None)
    path.write_bytes(with_manifest(model, read_model_file(tiny["none"]).manifest, {})[0])
    monkey.undo()
    with pytest.raises(ModelFileError, match="wrong.onnx: onnxruntime cannot load it .*: export or copy it again"):
        Compressor.load(path)


def test_a_pickled_compressor_needs_no_file_and_starts_when_used(tiny, tiny_vectors, tmp_path):
    path = tmp_path / "gone.onnx"
    path.write_bytes(tiny["int8"].read_bytes())
    compressor = Compressor.load(path, threads=1)
    path.unlink()
    again = pickle.loads(pickle.dumps(compressor))
    assert again._engine._session is None
    found = []
    threads = [threading.Thread(target=lambda: found.append(again.compress(tiny_vectors))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    for embeddings in found:
        np.testing.assert_array_equal(embeddings, compressor.compress(tiny_vectors))


def test_bound_inputs_and_outputs_give_the_same(tiny, tiny_vectors):
    compressor = Compressor.load(tiny["int8"])
    bound = _run_bound(compressor._engine._session, "vectors", "embeddings", tiny_vectors, "cpu")
    np.testing.assert_array_equal(bound, compressor.run(tiny_vectors))


def test_cores_follow_the_affinity_and_the_quota_of_the_container(tmp_path, monkeypatch):
    limit = tmp_path / "cpu.max"
    for text, expected in (("200000 100000", 2), ("50000 100000", 1), ("max 100000", None)):
        limit.write_text(text)
        assert _quota(limit) == expected
    assert _quota(tmp_path / "none") is None
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    monkeypatch.setattr("linguagen.runtime.cores._quota", lambda _: None)
    assert usable_cores() == 3
    monkeypatch.setattr("linguagen.runtime.cores._quota", lambda _: 2)
    assert usable_cores() == 2
