import numpy as np
import onnx
import pytest
import torch
from make_tiny_tagger_run import make_run, write_sentences

from linguagen.export.kinds import export_run
from linguagen.export.request import ExportRequest
from linguagen.models.errors import ExportGateError, UsageError
from linguagen.models.onnx_file import OPERATORS
from linguagen.runtime import Tagger
from linguagen.train.tagger.finished import load_finished
from linguagen.train.tagger.labelling import bare_manifest, labels_of


@pytest.fixture(scope="module")
def runs(tmp_path_factory, tiny_text):
    folder = tmp_path_factory.mktemp("runs")
    files = write_sentences(folder)
    return {
        "pos": make_run(folder / "pos", files["pos"], init=str(tiny_text["run"]), learning_rate=0.01, layers=2),
        "ner": make_run(folder / "ner", files["ner"], learning_rate=0.01),
    }


@pytest.mark.parametrize("kind", ["pos", "ner"])
@pytest.mark.parametrize("precision", ["none", "fp16", "int8"])
def test_the_file_labels_as_pytorch_does(runs, tmp_path, kind, precision):
    run = load_finished(runs[kind])
    exported = export_run(run, ExportRequest(precision, sources="tiny, CC0"), tmp_path / "model.onnx")
    words = [list(sample.words) for sample in run.samples]
    manifest = bare_manifest(run.network, run.labels, run.scheme, run.transitions)
    assert Tagger.load(exported.path).tag_words(words) == labels_of(run.network, run.reader, manifest, words)
    assert exported.manifest.overlap == run.network.reach
    assert {node.op_type for node in onnx.load(exported.path).graph.node} <= OPERATORS
    card = exported.card.read_text()
    assert "Texts: tiny, CC0" in card
    assert {"pos": "| accuracy |", "ner": "| entity F1 |"}[kind] in card


def test_padding_and_neighbours_in_a_batch_change_no_score(runs, tmp_path):
    run = load_finished(runs["pos"])
    tagger = Tagger.load(export_run(run, ExportRequest("int8"), tmp_path / "model.onnx").path)
    rows = run.reader.rows(run.samples[0].words)
    batch = np.zeros((2, len(rows) + 30, rows.shape[1]), np.int32)
    batch[0, : len(rows)] = rows
    batch[1] = run.reader.rows(["Kim"])
    np.testing.assert_allclose(tagger.scores_of(batch)[0, : len(rows)], tagger.scores_of(rows[None])[0], atol=1e-4)


def test_the_gate_refuses_a_file_that_labels_otherwise(runs, tmp_path, monkeypatch):
    from linguagen.export.tagger import writer

    run, whole = load_finished(runs["ner"]), writer.build_graph

    def broken(network, precision):
        with torch.no_grad():
            network.scores.weight.copy_(network.scores.weight.roll(1, dims=0))
        graph = whole(network, precision)
        with torch.no_grad():
            network.scores.weight.copy_(network.scores.weight.roll(-1, dims=0))
        return graph

    monkeypatch.setattr(writer, "build_graph", broken)
    for precision, message in (("none", "scores differ from PyTorch's"), ("int8", "of the words have the label")):
        with pytest.raises(ExportGateError, match=message):
            export_run(run, ExportRequest(precision), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_options_of_other_kinds_are_refused(runs, tmp_path):
    with pytest.raises(UsageError, match="--teacher-name is for a run on text; leave it out for a run on tagger"):
        export_run(load_finished(runs["ner"]), ExportRequest(teacher_name="x"), tmp_path / "model.onnx")
