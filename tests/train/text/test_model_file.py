import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from linguagen.export.graph.model import with_manifest
from linguagen.export.text.graph import build_graph
from linguagen.models.catalogue import find_model
from linguagen.models.errors import ModelFileError, UnknownModelError
from linguagen.models.manifests.text import TOKENIZER_KEY
from linguagen.models.model_file import read_text_file
from linguagen.runtime.encoders.text_encoder import TextEncoder as Runtime
from linguagen.runtime.text.tokenizer import pad
from linguagen.train.text import model_file as text_model_file
from linguagen.train.text.config import TextEncoderConfig
from linguagen.train.text.finished import load_finished
from linguagen.train.text.model_file import fill_network, open_start, read_text_model
from linguagen.train.text.network import TextNetwork


@pytest.mark.parametrize("kind", ["none", "fp16", "int8"])
def test_a_file_is_read_back_as_the_encoder_that_it_runs(tiny_text, kind):
    found, texts = read_text_model(tiny_text[kind]).load(), load_finished(tiny_text["run"]).samples
    with torch.no_grad():
        actual = np.concatenate(
            [found.network(torch.from_numpy(pad([each])).long()) for each in found.tokenizer.tokenize(texts)]
        )
    # Integer products of the file round what PyTorch multiplies as it was stored; all else is the same.
    np.testing.assert_allclose(
        actual, Runtime.load(tiny_text[kind]).embed(texts), atol=0.02 if kind == "int8" else 1e-5
    )
    assert (found.name, found.config.targets, found.samples) == ("tiny-text", "teacher.npy", ())
    assert found.figures == load_finished(tiny_text["run"]).figures


@pytest.mark.parametrize("directions", ["both", "forward", "backward", "none"])
@pytest.mark.parametrize("layers", [1, 2])
def test_every_shape_comes_back(directions, layers):
    torch.manual_seed(0)
    config = TextEncoderConfig(dim=6, width=8, hidden=4, layers=layers, directions=directions)
    made, read = TextNetwork(60, config), TextNetwork(60, config)
    for weight in (made.importance.weight, made.head.weight if made.head is not None else made.skip.weight):
        torch.nn.init.normal_(weight)
    graph = build_graph(made, "float32").graph
    with torch.no_grad():
        fill_network(read, {each.name: torch.tensor(numpy_helper.to_array(each)) for each in graph.initializer})
        tokens = torch.randint(1, 60, (5, 20))
        torch.testing.assert_close(read(tokens), made(tokens), atol=1e-5, rtol=0)


def test_a_file_of_before_a_setting_has_its_default(tiny_text):
    assert "term_frequency_power" not in read_text_file(find_model("linguagen-en")).manifest.training
    assert read_text_file(tiny_text["int8"]).manifest.training["term_frequency_power"] == 1
    assert open_start("linguagen-en").shape.term_frequency_power == 1


def test_a_start_is_a_folder_a_name_or_a_file(tiny_text):
    assert open_start(str(tiny_text["run"])).load().name == "tiny-text"
    assert open_start(str(tiny_text["int8"])).load().name == "tiny-text"
    assert open_start("linguagen-en").shape.dim == 256
    with pytest.raises(UnknownModelError, match="no model 'linguagen-fr': it is not a file"):
        open_start("linguagen-fr")


def test_a_file_that_cannot_be_a_start_says_why(tiny_text, tiny, monkeypatch):
    with pytest.raises(ModelFileError, match="a vector model, but a text model was expected; it takes vectors: use"):
        read_text_model(tiny["int8"])
    with monkeypatch.context() as patch:
        patch.setattr(text_model_file, "fill_network", lambda encoder, stored: stored["table_uint4"])
        with pytest.raises(ModelFileError, match=r"its weights are not stored as this version stores them \('table_ui"):
            read_text_model(tiny_text["int8"]).load()


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 10**9},
        {"width": -5},
        {"width": "8"},
        {"hidden": 10**9},
        {"hidden": True},
        {"dim": 10**9},
        {"layers": 10**6},
        {"directions": "up"},
        {"directions": 5},
        {"term_frequency_power": "high"},
    ],
)
def test_settings_that_do_not_fit_the_weights_are_refused_before_memory_is_taken(tiny_text, tmp_path, changes):
    manifest, model = read_text_file(tiny_text["int8"]).manifest, onnx.load(tiny_text["int8"])
    extra = {entry.key: entry.value for entry in model.metadata_props if entry.key == TOKENIZER_KEY}
    edited = replace(manifest, training={**manifest.training, **changes})
    (tmp_path / "m.onnx").write_bytes(with_manifest(model, edited, extra)[0])
    with pytest.raises(ModelFileError, match="m.onnx: its weights are not stored as this version stores them"):
        read_text_model(tmp_path / "m.onnx").load()


def test_a_start_needs_no_onnx(tiny_text):
    code = f"""import sys, pathlib
from linguagen.train.text.model_file import read_text_model
read_text_model(pathlib.Path({str(tiny_text["int8"])!r})).load()
assert not {{"onnx", "onnxruntime"}} & sys.modules.keys()"""
    subprocess.run([sys.executable, "-c", code], check=True)
