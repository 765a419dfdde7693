import onnx
import pytest
from onnx import helper

from linguagen.models.errors import DeviceError, ModelFileError, UsageError
from linguagen.models.manifest import METADATA_KEY
from linguagen.runtime.cores import _quota, usable_cores
from linguagen.runtime.session import CPU_PROVIDER, CUDA_PROVIDER, choose_provider, load_model

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
        load_model(tiny["int8"], "cpu", 0)


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
        load_model(tiny["int8"], "cuda", 1)


def test_a_file_that_is_cut_is_refused(tiny, tmp_path):
    path = tmp_path / "cut.onnx"
    path.write_bytes(tiny["int8"].read_bytes()[:3000])
    with pytest.raises(ModelFileError, match="cut.onnx: onnxruntime cannot load it .*: export or copy it again"):
        load_model(path, "cpu", 1)


def _edited(tiny, tmp_path, change):
    model = onnx.load(tiny["int8"])
    change(model)
    path = tmp_path / "edited.onnx"
    onnx.save(model, path)
    return path


def test_an_onnx_file_without_a_manifest_is_refused(tiny, tmp_path):
    path = _edited(tiny, tmp_path, lambda model: model.metadata_props.pop())
    with pytest.raises(ModelFileError, match="an ONNX file without a LinguaGEN manifest; use a file that lg-export"):
        load_model(path, "cpu", 1)


def test_a_manifest_that_contradicts_the_graph_is_refused(tiny, tmp_path):
    def shrink(model):
        text = model.metadata_props[0].value.replace('"output_dim": 8', '"output_dim": 7')
        helper.set_model_props(model, {METADATA_KEY: text})

    with pytest.raises(ModelFileError, match=r"its manifest says .*\('embeddings', \[7\]\).*; the file was edited"):
        load_model(_edited(tiny, tmp_path, shrink), "cpu", 1)


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
