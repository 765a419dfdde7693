import base64
from dataclasses import replace

import numpy as np
import onnx
import pytest

from linguagen.export.graph.model import with_manifest
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
    back = TextManifest.from_json(manifest.to_json(), "here")
    np.testing.assert_array_equal(back.embedding_moments.mean, manifest.embedding_moments.mean)
    assert replace(back, embedding_moments=manifest.embedding_moments) == manifest
    assert manifest.embedding_moments.covariance.shape == (8, 8)
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
            "the manifest does not have the fields of format version 2",
        ),
        (
            TextManifest.key,
            lambda text: text.replace('"figures"', '"numbers"'),
            "the manifest does not have the fields of format version 2",
        ),
        (
            TextManifest.key,
            lambda text: text.replace('"format_version": 2', '"format_version": 9'),
            "model format version 9",
        ),
        (
            TextManifest.key,
            lambda text: text.replace('file_sha256": "', 'file_sha256": "0'),
            "its bytes have the sha256",
        ),
        (TOKENIZER_KEY, lambda text: base64.b64encode(b"other").decode(), "its bytes have the sha256"),
    ],
)
def test_edited_metadata_is_refused(edited, key, change, message):
    with pytest.raises(ModelFileError, match=f"edited.onnx: {message}"):
        read_text_file(edited(key, change))


def test_a_tokenizer_that_is_not_base64_is_refused(tiny_text, tmp_path):
    model, manifest = onnx.load(tiny_text["int8"]), read_text_file(tiny_text["int8"]).manifest
    (tmp_path / "m.onnx").write_bytes(with_manifest(model, manifest, {TOKENIZER_KEY: "?"})[0])
    with pytest.raises(ModelFileError, match="m.onnx: its tokenizer is not base64"):
        read_text_file(tmp_path / "m.onnx")


def test_a_changed_table_is_noticed(tiny_text, tmp_path):
    model = onnx.load(tiny_text["int8"])
    table = next(each for each in model.graph.initializer if each.name == "table_uint8")
    data = bytearray(table.raw_data)
    data[100] ^= 1
    table.raw_data = bytes(data)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="its bytes have the sha256"):
        read_text_file(tmp_path / "m.onnx")
