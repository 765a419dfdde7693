import base64

import onnx
import pytest

from linguagen.models.errors import ModelFileError
from linguagen.models.manifests.text import TOKENIZER_KEY, TextManifest
from linguagen.models.manifests.vectors import Manifest
from linguagen.models.model_file import read_encoder_file, read_text_file


@pytest.fixture
def edited(tiny_text, tmp_path):
    """Write the tiny text model with one entry of its metadata changed."""

    def edit(key, change):
        model = onnx.load(tiny_text["int8"])
        for entry in model.metadata_props:
            if entry.key == key:
                entry.value = change(entry.value)
        path = tmp_path / "edited.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return edit


def test_a_manifest_comes_back(tiny_text):
    manifest = read_text_file(tiny_text["int8"]).manifest
    assert TextManifest.from_json(manifest.to_json(), "here") == manifest
    assert manifest.precision == "int8"
    assert manifest.output_dim == 8


def test_the_manifest_tells_the_kind(tiny, tiny_text):
    assert isinstance(read_encoder_file(tiny_text["none"]).manifest, TextManifest)
    assert isinstance(read_encoder_file(tiny["none"]).manifest, Manifest)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        (TextManifest.key, lambda text: "{", "the manifest is not JSON"),
        (
            TextManifest.key,
            lambda text: text.replace('"pieces"', '"parts"'),
            "the manifest does not have the fields of format version 1",
        ),
        (
            TextManifest.key,
            lambda text: text.replace('"figures"', '"numbers"'),
            "the manifest does not have the fields of format version 1",
        ),
        (
            TextManifest.key,
            lambda text: text.replace('"format_version": 1', '"format_version": 9'),
            "model format version 9",
        ),
        (
            TextManifest.key,
            lambda text: text.replace('graph_sha256": "', 'graph_sha256": "0'),
            "its graph has the sha256",
        ),
        (TOKENIZER_KEY, lambda text: "?", "its tokenizer is not base64"),
        (TOKENIZER_KEY, lambda text: base64.b64encode(b"other").decode(), "its tokenizer has the sha256"),
    ],
)
def test_edited_metadata_is_refused(edited, key, change, message):
    with pytest.raises(ModelFileError, match=f"edited.onnx: {message}"):
        read_text_file(edited(key, change))


def test_a_changed_table_is_noticed(tiny_text, tmp_path):
    model = onnx.load(tiny_text["int8"])
    table = next(each for each in model.graph.initializer if each.name == "table_uint8")
    data = bytearray(table.raw_data)
    data[100] ^= 1
    table.raw_data = bytes(data)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="its graph has the sha256"):
        read_text_file(tmp_path / "m.onnx")
