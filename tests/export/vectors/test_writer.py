import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from linguagen.export.kinds import export_run
from linguagen.export.request import ExportRequest
from linguagen.export.vectors import verify as gate
from linguagen.models.errors import ExportGateError, UsageError
from linguagen.runtime import Compressor
from linguagen.train.vectors.finished import load_finished


@pytest.fixture
def run(tiny):
    return load_finished(tiny["run"])


def test_the_manifest_in_the_file_tells_its_whole_story(tiny):
    manifest = Compressor.load(tiny["int8"]).manifest
    assert (manifest.name, manifest.teacher, manifest.precision) == ("tiny", "tiny-teacher", "int8")
    assert (manifest.input_dim, manifest.output_dim) == (48, 8)
    assert [row.method for row in manifest.fidelity][:3] == ["encoder", "truncation", "PCA"]
    assert manifest.fidelity_set == "60 vectors of rows held out of training"
    assert manifest.training["temperature"] == 0.05
    assert manifest.training["rows"] == 540
    assert manifest.parity["recall_loss"] <= 0.003
    assert manifest.calibration["rows"] == 540
    assert Compressor.load(tiny["none"]).manifest.calibration == {}


def test_a_card_lies_beside(tiny):
    card = tiny["int8"].with_suffix(".md").read_text()
    assert card.startswith("# tiny\n\nCompresses vectors of `tiny-teacher` from 48 to 8 dimensions")
    for words in (
        "| softened PCA | 8 |",
        "540 vectors, seed 0. Settings:",
        "- calibration: float32 dimensions: none",
        "- gate: recall loss: ",
        "- calibration: input scale: ",
    ):
        assert words in card


def _spoil(monkeypatch, change):
    """Let the file differ from the encoder, as a wrong exporter would make it."""
    from linguagen.export.vectors import writer

    real = writer.fold

    def spoiled(encoder):
        folded = real(encoder)
        return replace(folded, **change(folded))

    monkeypatch.setattr(writer, "fold", spoiled)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (
            "none",
            lambda f: {"linear": f.linear + 1e-3},
            r"float32 values differ from PyTorch's by up to .*, allowed are 1e-05",
        ),
        ("none", lambda f: {"head": -f.head}, "float32 values differ"),
        (
            "fp16",
            lambda f: {"linear": f.linear[:, ::-1].copy()},
            "float16 values differ from PyTorch's .* allowed are 2e-03",
        ),
        (
            "int8",
            lambda f: {"linear": np.sign(f.linear)},
            r"int8 loses .* points of recall@10 .* allowed are 0.30; export with",
        ),
        ("none", lambda f: {"linear": f.linear * np.nan}, "float32 values differ from PyTorch's by up to nan"),
    ],
)
def test_a_failed_gate_says_why_and_leaves_nothing(run, tmp_path, monkeypatch, kind, change, message):
    _spoil(monkeypatch, change)
    with pytest.raises(ExportGateError, match="the exported file was not written: " + message):
        export_run(run, ExportRequest(kind), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_gate_leaves_the_file_that_was_there(run, tmp_path, monkeypatch):
    (tmp_path / "m.onnx").write_text("old")
    _spoil(monkeypatch, lambda folded: {"head": -folded.head})
    with pytest.raises(ExportGateError):
        export_run(run, ExportRequest("none"), tmp_path / "m.onnx", overwrite=True)
    assert (tmp_path / "m.onnx").read_text() == "old"


def test_embeddings_off_unit_length_do_not_pass(tiny, run, monkeypatch):
    monkeypatch.setattr(Compressor, "compress", lambda self, vectors: np.full((len(vectors), 8), 0.5, np.float32))
    with pytest.raises(ExportGateError, match="embeddings are off unit length by up to 4.14e-01, allowed are 1e-05"):
        gate.verify(tiny["int8"], run.network, run.validation, "int8")


def test_rows_that_depend_on_their_batch_do_not_pass(tiny, run, monkeypatch):
    real = Compressor.compress
    monkeypatch.setattr(
        Compressor, "compress", lambda self, vectors: np.roll(real(self, vectors), len(vectors) == 1, axis=1)
    )
    with pytest.raises(ExportGateError, match="a row alone and in a batch give embeddings .* apart, allowed are 1e-05"):
        gate.verify(tiny["int8"], run.network, run.validation, "int8")


def test_a_file_that_does_not_load_does_not_pass(run, tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(ExportGateError, match="the exported file does not run: .*cut, damaged or no ONNX file"):
        gate.verify(tmp_path / "m.onnx", run.network, run.validation, "none")


def test_a_name_that_was_given_is_kept(run, tmp_path):
    assert export_run(run, ExportRequest(name="mine"), tmp_path / "m.onnx").manifest.name == "mine"


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("int4", "m.onnx", "--quantize is 'int4', expected one of none, fp16, int8"),
        ("none", "m.bin", "cannot write .*m.bin: expected a file ending in .onnx in a folder that exists"),
        ("none", "no/m.onnx", "expected a file ending in .onnx in a folder that exists"),
    ],
)
def test_wrong_use_is_refused_before_any_work(run, tmp_path, kind, name, message):
    with pytest.raises(UsageError, match=message):
        export_run(run, ExportRequest(kind), tmp_path / name)


def test_a_run_resaved_elsewhere_exports_the_same(tiny, tmp_path):
    copy = shutil.copytree(tiny["run"], tmp_path / "tiny")
    exported = export_run(load_finished(copy), ExportRequest("none"), tmp_path / "m.onnx")
    vectors = torch.nn.functional.normalize(torch.randn(5, 48), dim=1).numpy()
    np.testing.assert_array_equal(
        Compressor.load(exported.path).compress(vectors), Compressor.load(tiny["none"]).compress(vectors)
    )
