import dataclasses
import json

import numpy as np
import onnxruntime
import pytest
import torch

from linguagen.export.kinds import export_run
from linguagen.export.request import ExportRequest
from linguagen.export.text.graph import build_graph
from linguagen.export.text.verify import verify
from linguagen.models.errors import ExportGateError, UsageError
from linguagen.models.model_file import read_text_file
from linguagen.runtime.text.tokenizer import pad
from linguagen.train.text.config import TextEncoderConfig
from linguagen.train.text.finished import load_finished
from linguagen.train.text.network import TextNetwork


@pytest.fixture
def run(tiny_text):
    return load_finished(tiny_text["run"])


def random_encoder(directions: str, layers: int, power: float = 1.0) -> TextNetwork:
    torch.manual_seed(1)
    shape = TextEncoderConfig(
        dim=6, width=8, hidden=4, layers=layers, directions=directions, term_frequency_power=power
    )
    made = TextNetwork(60, shape)
    for weight in (made.importance.weight, made.head.weight if made.head is not None else made.skip.weight):
        torch.nn.init.normal_(weight)
    return made.eval()


@pytest.mark.parametrize("directions", ["both", "forward", "backward", "none"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("power", [1.0, 0.75])
def test_the_graph_is_the_encoder_for_every_shape(directions, layers, power):
    encoder = random_encoder(directions, layers, power)
    graph = build_graph(encoder, "float32")
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(0)
    for length in (1, 2, 3, 17, 40):
        texts = [generator.integers(1, 60, size=1 + n * length // 4).tolist() for n in range(5)]
        tokens = pad(texts)
        actual = session.run(None, {"tokens": tokens})[0]
        with torch.no_grad():
            expected = encoder(torch.from_numpy(tokens).long()).numpy()
        np.testing.assert_allclose(actual, expected, atol=2e-6)


def test_int8_is_one_integer_product_on_a_byte_table(tmp_path):
    """Looked at in the graph that onnxruntime really runs."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    graph = build_graph(random_encoder("both", 1), "int8")
    onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    import onnx

    operators = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert operators.count("MatMulIntegerToFloat") == 1
    assert "QuantizeLinear" not in operators  # rows are used as the bytes that they are stored as


def test_exported_files_agree_with_pytorch_and_shrink(tiny_text, run):
    sizes = {}
    for kind in ("none", "fp16", "int8"):
        file = read_text_file(tiny_text[kind])
        sizes[kind], parity = len(file.data), file.manifest.parity
        assert parity["texts"] == 392
        assert parity["mean_cosine"] > 0.999
        assert file.tokenizer == run.tokenizer.model
        assert file.manifest.pieces == run.tokenizer.pieces
        assert file.manifest.teacher == "teacher.npy"
        assert {figure.name for figure in file.manifest.figures} == {figure.name for figure in run.figures}
    assert sizes["int8"] < sizes["fp16"] < sizes["none"]
    card = tiny_text["int8"].with_suffix(".md").read_text()
    assert "| recall@1 of halves |" in card
    assert "it learnt to match the vectors of `teacher.npy`" in card


@pytest.mark.parametrize(
    ("precision", "harm", "message"),
    [
        ("float32", 1.1, "float32 values differ from PyTorch's by up to .*, allowed are 1e-05"),
        ("int8", -1.0, "int8 embeddings have mean cosine -.* with PyTorch's, expected at least 0.99"),
    ],
)
def test_the_gate_stops_a_file_of_another_encoder(tiny_text, run, precision, harm, message):
    with torch.no_grad():
        run.network.head.weight *= harm
        run.network.skip.weight *= 1 if precision == "float32" else harm
    with pytest.raises(ExportGateError, match=message):
        verify(tiny_text["int8" if precision == "int8" else "none"], run, precision)


def test_the_gate_counts_neighbours(tiny_text, run, monkeypatch):
    monkeypatch.setattr("linguagen.export.text.verify.LEAST_RECALL", {"int8": 1.1})
    with pytest.raises(
        ExportGateError, match=r"int8 keeps 0\..* of PyTorch's 10 nearest neighbours, expected at least 1.1"
    ):
        verify(tiny_text["int8"], run, "int8")


def test_a_failed_gate_leaves_what_was_there(tmp_path, run, monkeypatch):
    (tmp_path / "m.onnx").write_bytes(b"old")
    monkeypatch.setattr("linguagen.export.text.verify.LEAST_COSINE", 1.1)
    with pytest.raises(ExportGateError):
        export_run(run, ExportRequest("int8"), tmp_path / "m.onnx", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
    assert (tmp_path / "m.onnx").read_bytes() == b"old"


def test_a_file_that_does_not_run_fails_the_gate(tmp_path, run):
    (tmp_path / "m.onnx").write_bytes(b"x")
    with pytest.raises(ExportGateError, match="the exported file does not run: "):
        verify(tmp_path / "m.onnx", run, "int8")


def test_what_text_models_do_not_have_is_refused(tmp_path, run):
    for request, option in ((ExportRequest(codes="int8"), "codes"), (ExportRequest(decoder=True), "decoder")):
        with pytest.raises(UsageError, match=f"--{option} is for a run on vectors; leave it out for a run on text"):
            export_run(run, request, tmp_path / "m.onnx")
    with pytest.raises(UsageError, match=r"cannot write .*m.bin: expected a file ending in .onnx"):
        export_run(run, ExportRequest("int8"), tmp_path / "m.bin")


def test_a_run_without_a_teacher_says_so(tmp_path, run):
    alone = dataclasses.replace(run, config=dataclasses.replace(run.config, targets=""))
    exported = export_run(alone, ExportRequest("fp16", name="alone", sources="mine, CC0"), tmp_path / "m.onnx")
    assert "it had no teacher" in exported.card.read_text()
    assert "Texts: mine, CC0\n" in exported.card.read_text()
    assert exported.manifest.name == "alone"
    with pytest.raises(UsageError, match="--teacher-name is 'mine', but the run had no teacher; leave it out"):
        export_run(alone, ExportRequest(teacher_name="mine"), tmp_path / "n.onnx")


def test_the_card_names_the_model_that_made_the_teachers_vectors(tmp_path, run):
    exported = export_run(run, ExportRequest(teacher_name="big-model"), tmp_path / "m.onnx")
    assert read_text_file(exported.path).manifest.teacher == "big-model"
    assert "it learnt to match the vectors of `big-model`" in exported.card.read_text()


@pytest.mark.parametrize(("option", "kinds"), [("--sources", "text or tagger"), ("--teacher-name", "text")])
def test_what_vector_models_do_not_have_is_refused(tiny, run_command, option, kinds):
    done = run_command("lg-export", tiny["run"], option, "mine", code=2)
    assert f"error: {option} is for a run on {kinds}; leave it out for a run on vectors" in done.stderr


def test_the_command_exports_a_run_on_text(tiny_text, tmp_path, run_command):
    done = run_command("lg-export", tiny_text["run"], "--quantize", "int8", "-o", "m.onnx")
    assert done.stdout == "m.onnx\n"
    assert "checked on 392 texts: mean cosine 0.99" in done.stderr
    assert 'next: lg-run embed --text "some text" --model m.onnx' in done.stderr
    document = json.loads(run_command("lg-export", tiny_text["run"], "-o", "n.onnx", "--json").stdout)
    assert document["parity"]["recall"] == 1
    assert document["file"] == "n.onnx"
