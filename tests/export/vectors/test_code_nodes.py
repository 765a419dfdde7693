import numpy as np
import onnxruntime
import pytest

from linguagen.export.kinds import export_run
from linguagen.export.request import ExportRequest
from linguagen.export.vectors import verify as gate
from linguagen.models.errors import ExportGateError, UsageError
from linguagen.models.manifests.vectors import GraphCodes
from linguagen.runtime import Compressor
from linguagen.runtime.codes.codec import KINDS
from linguagen.train.vectors.finished import load_finished


@pytest.fixture
def run(tiny):
    return load_finished(tiny["run"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [None, 4])
def test_codes_of_the_graph_are_those_of_the_runtime(run, tmp_path, tiny_vectors, kind, dim):
    if dim and kind in ("e8", "binary", "ubinary"):
        pytest.skip("four dimensions do not fill a byte")
    path = export_run(run, ExportRequest("int8", codes=kind, codes_dim=dim), tmp_path / "m.onnx").path
    session = onnxruntime.InferenceSession(path)  # as an app of any language would
    embeddings, codes = session.run(["embeddings", "codes"], {"vectors": tiny_vectors})
    codec = Compressor.load(path).codec(kind, dim)
    expected = codec.encode(embeddings)
    assert codes.dtype == expected.dtype
    assert codes.shape == expected.shape
    assert (codes == expected).mean() > 0.999
    np.testing.assert_array_equal(Compressor.load(path).graph_codes(tiny_vectors[:7]), codes[:7])


def test_a_model_without_codes_says_how_to_get_them(tiny, tiny_vectors):
    with pytest.raises(UsageError, match="tiny makes no codes in its graph; export it with lg-export --codes KIND, or"):
        Compressor.load(tiny["int8"]).graph_codes(tiny_vectors)


def test_codes_that_differ_do_not_pass_the_gate(run, tmp_path, monkeypatch):
    real = Compressor.graph_codes
    monkeypatch.setattr(Compressor, "graph_codes", lambda self, rows: real(self, rows) + 1)
    with pytest.raises(ExportGateError, match=r"0.00% of the graph's codes are the runtime's, expected at least 99.9%"):
        export_run(run, ExportRequest("int8", codes="int8"), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_decoder_that_differs_does_not_pass_the_gate(run, tmp_path, monkeypatch):
    from linguagen.export.vectors import writer

    real = writer.build_decoder
    monkeypatch.setattr(writer, "build_decoder", lambda weights, precision: real(weights[::-1].copy(), precision))
    with pytest.raises(
        ExportGateError, match=r"the decoder's vectors have cosine .* with PyTorch's, expected at least 0.9999"
    ):
        export_run(run, ExportRequest("none", decoder=True), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_decoder_that_does_not_run_does_not_pass_the_gate(tiny, run, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(tiny["none"].read_bytes())
    path.with_name("m.decoder.onnx").write_bytes(b"nothing")
    with pytest.raises(ExportGateError, match="the exported decoder does not run: .*cut, damaged or no ONNX file"):
        gate.verify_decoder(path, run.decoder, run.validation, run.validation)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"codes": "int3"}, "kind is 'int3', expected one of float32"),
        ({"codes": "int8", "codes_dim": 9}, "--dim is 9, expected 1 to 8: the model has no more"),
    ],
)
def test_codes_that_do_not_fit_are_wrong_use(run, tmp_path, words, message):
    with pytest.raises(UsageError, match=message):
        export_run(run, ExportRequest(**words), tmp_path / "m.onnx")


def test_a_width_without_a_kind_is_wrong_use():
    with pytest.raises(UsageError, match="--codes-dim is 4 without --codes; say which kind of codes"):
        ExportRequest(codes_dim=4)


def test_the_command_writes_codes_and_decoder(run_command, tiny, tmp_path):
    import json

    words = ("lg-export", tiny["run"], "--quantize", "int8", "--codes", "ubinary", "--decoder", "-o", "m.onnx")
    done = run_command(*words)
    assert "decoder m.decoder.onnx: reconstruction cosine 0." in done.stderr
    assert (tmp_path / "m.decoder.onnx").is_file()
    assert Compressor.load(tmp_path / "m.onnx").manifest.codes == GraphCodes("ubinary", 8)
    document = json.loads(run_command(*words, "--overwrite", "--json").stdout)
    assert document["decoder"]["file"] == "m.decoder.onnx"
