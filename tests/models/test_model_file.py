import hashlib
import json
import re

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from linguagen.models.errors import ModelFileError
from linguagen.models.manifests.decoder import DecoderManifest
from linguagen.models.manifests.vectors import Manifest
from linguagen.models.model_file import decoder_path, load_manifest, read_decoder_file, read_model_file, read_text_file
from linguagen.models.onnx_file import OPERATORS, parse_onnx, read_initialisers, read_onnx


@pytest.fixture
def edited(tiny, tmp_path):
    """Write the tiny model with a change, its manifest left as it was."""

    def edit(change, source=tiny["int8"]):
        model = onnx.load(source)
        change(model)
        path = tmp_path / "edited.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return edit


def test_metadata_are_those_that_the_onnx_library_sees(tiny):
    file, model = read_onnx(tiny["int8"]), onnx.load(tiny["int8"])
    assert file.metadata == {item.key: item.value for item in model.metadata_props}


def test_the_hash_is_that_of_the_file_with_zeros_in_its_place(tiny, tiny_text):
    for path in (tiny["int8"], decoder_path(tiny["int8"]), tiny_text["int8"]):
        data = path.read_bytes()
        (recorded,) = re.findall(rb'"file_sha256": "([0-9a-f]{64})"', data)
        zeroed = data.replace(recorded, b"0" * 64)
        assert hashlib.sha256(zeroed).hexdigest() == recorded.decode()
    assert load_manifest(tiny["int8"]).file_sha256 in tiny["int8"].read_bytes().decode("latin-1")


@pytest.mark.parametrize("kept", [0, 1, 100, 3000, -1])
def test_a_file_that_is_cut_is_refused(tiny, tmp_path, kept):
    path = tmp_path / "cut.onnx"
    path.write_bytes(tiny["int8"].read_bytes()[:kept])
    with pytest.raises(ModelFileError, match=r"cut.onnx: cut, damaged or no ONNX file \(.*\); export or copy it again"):
        read_model_file(path)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_clear_error(data):
    with pytest.raises(Exception) as caught:
        parse_onnx(data, "bytes")
    assert type(caught.value).__name__ in ("MalformedError", "ModelFileError")


def models_and_readers(tiny, tiny_text):
    """A file of every kind, and what reads it."""
    yield tiny["none"], read_model_file
    yield decoder_path(tiny["none"]), read_decoder_file
    yield tiny_text["int8"], read_text_file


@given(st.data())
def test_any_change_of_any_byte_is_refused(tiny, tiny_text, tmp_path_factory, data):
    for source, read in models_and_readers(tiny, tiny_text):
        content = bytearray(source.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path = tmp_path_factory.mktemp("changed") / "m.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelFileError):
            read(path)


def test_a_bit_that_flips_is_refused_wherever_it_is(tiny, tiny_text, tmp_path):
    path = tmp_path / "m.onnx"
    for source, read in models_and_readers(tiny, tiny_text):
        content = bytearray(source.read_bytes())
        manifest = content.index(b'{"name"')
        for place in {*range(0, len(content), 199), *range(manifest, min(manifest + 600, len(content)))}:
            content[place] ^= 1
            path.write_bytes(content)
            with pytest.raises(ModelFileError):
                read(path)
            content[place] ^= 1


def test_edited_moments_are_refused(edited):
    def widen(model):
        (entry,) = model.metadata_props
        document = json.loads(entry.value)
        document["embedding_moments"]["covariance_scale"] *= 1.5
        entry.value = json.dumps(document)

    with pytest.raises(ModelFileError, match="its bytes have the sha256 .*, its manifest says .*; the file was edited"):
        read_model_file(edited(widen))


def test_a_hash_that_is_no_hash_is_refused(edited):
    def shorten(model):
        (entry,) = model.metadata_props
        document = json.loads(entry.value) | {"file_sha256": "0"}
        entry.value = json.dumps(document)

    with pytest.raises(ModelFileError, match="its bytes have the sha256 another..., its manifest says 0"):
        read_model_file(edited(shorten))


def test_an_edited_graph_is_refused(edited):
    def double(model):
        scale = next(item for item in model.graph.initializer if item.name == "input_scale")
        scale.CopyFrom(numpy_helper.from_array(2 * numpy_helper.to_array(scale), scale.name))

    with pytest.raises(ModelFileError, match="edited.onnx: its bytes have the sha256 .* was edited or damaged: export"):
        read_model_file(edited(double))


def test_a_file_without_a_manifest_is_refused(edited):
    with pytest.raises(ModelFileError, match="an ONNX file without a LinguaGEN manifest; use a file that lg-export"):
        read_model_file(edited(lambda model: model.metadata_props.pop()))


def test_weights_in_another_file_are_refused(edited):
    def move_out(model):
        tensor = model.graph.initializer[0]
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")

    with pytest.raises(ModelFileError, match="keeps its weights in another file, which is never opened"):
        read_model_file(edited(move_out))


@pytest.mark.parametrize(("operator", "domain"), [("MatMul", "evil.domain"), ("If", ""), ("Loop", "ai.onnx")])
def test_operators_that_no_model_needs_are_refused(edited, operator, domain):
    def add(model):
        model.graph.node.append(helper.make_node(operator, ["a"], ["b"], domain=domain))

    name = f"{domain or 'ai.onnx'}.{operator}"
    with pytest.raises(ModelFileError, match=f"has the operator {name}, which no LinguaGEN model needs"):
        read_model_file(edited(add))


def test_functions_are_refused(edited):
    def add(model):
        model.functions.append(helper.make_function("d", "f", ["a"], ["b"], [], [helper.make_opsetid("", 18)]))

    with pytest.raises(ModelFileError, match="defines functions of its own"):
        read_model_file(edited(add))


def test_a_sparse_file_of_gigabytes_is_not_read(tmp_path):
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(ModelFileError, match="3221225472 bytes, but no model file is larger than 2147483648"):
        read_onnx(path)


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_onnx(tmp_path)


def test_the_operators_are_those_that_the_exporter_writes(tiny, tiny_text, tmp_path):
    from linguagen.export.kinds import export_run
    from linguagen.export.request import ExportRequest
    from linguagen.export.tagger.graph import build_graph as build_tagger
    from linguagen.export.text.graph import build_graph
    from linguagen.runtime.codes.codec import KINDS
    from linguagen.train.tagger.config import TaggerShape
    from linguagen.train.tagger.network import TaggerNetwork, word_features
    from linguagen.train.text.config import TextEncoderConfig
    from linguagen.train.text.network import TextNetwork
    from linguagen.train.vectors.finished import load_finished

    run, seen = load_finished(tiny["run"]), set()
    for precision in ("none", "fp16", "int8"):
        for kind in (None, *KINDS):
            path = export_run(
                run, ExportRequest(precision, codes=kind, decoder=True), tmp_path / f"{precision}-{kind}.onnx"
            ).path
            seen |= {node.op_type for file in (path, decoder_path(path)) for node in onnx.load(file).graph.node}
        narrow = export_run(
            run, ExportRequest(precision, codes="int4", codes_dim=4), tmp_path / f"{precision}-narrow.onnx"
        ).path
        seen |= {node.op_type for node in onnx.load(narrow).graph.node}
    for kind in ("none", "fp16", "int8"):
        seen |= {node.op_type for node in onnx.load(tiny_text[kind]).graph.node}
    repeated_less = TextNetwork(60, TextEncoderConfig(dim=6, width=8, hidden=4, term_frequency_power=0.5))
    seen |= {node.op_type for node in build_graph(repeated_less, "int8").graph.node}
    tagger = TaggerNetwork(word_features(TaggerShape(), None), 3, TaggerShape())
    seen |= {node.op_type for node in build_tagger(tagger, "int8").graph.node}
    assert seen == OPERATORS


def test_a_decoder_is_not_taken_for_a_model_nor_a_model_for_a_decoder(tiny):
    with pytest.raises(
        ModelFileError, match="a decoder, but a vector model was expected; give the model's own file, next to which"
    ):
        read_model_file(decoder_path(tiny["int8"]))
    with pytest.raises(
        ModelFileError, match="a vector model, but a decoder was expected; it takes vectors: use lg-run compress"
    ):
        read_decoder_file(tiny["int8"])


def test_a_decoder_says_what_it_is(tiny):
    manifest = read_decoder_file(decoder_path(tiny["int8"])).manifest
    assert (manifest.input_dim, manifest.output_dim, manifest.precision) == (8, 48, "int8")
    assert manifest.encoder_sha256 == load_manifest(tiny["int8"]).file_sha256
    assert 0.5 < manifest.reconstruction < 1
    assert DecoderManifest.from_json(manifest.to_json(), "x") == manifest
    with pytest.raises(ModelFileError, match="does not have the fields of format version 2"):
        DecoderManifest.from_json(manifest.to_json().replace("teacher", "tutor"), "x")


def test_metadata_of_another_version_is_refused(edited):
    def older(model):
        helper.set_model_props(
            model, {Manifest.key: model.metadata_props[0].value.replace('"format_version": 2', '"format_version": 0')}
        )

    with pytest.raises(ModelFileError, match="model format version 0, but this linguagen reads version 2"):
        read_model_file(edited(older))


def test_numbers_where_messages_belong_are_refused():
    with pytest.raises(Exception, match="a number where a message was expected"):
        parse_onnx(bytes([7 << 3, 1]), "bytes")
    with pytest.raises(Exception, match="wire type 3 at byte 0"):
        parse_onnx(bytes([3]), "bytes")
    with pytest.raises(Exception, match="a number without an end"):
        parse_onnx(bytes([255] * 12), "bytes")


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint8", "int32", "int64"])
@pytest.mark.parametrize("raw", [True, False])
def test_weights_are_read_as_onnx_reads_them(dtype, raw):
    values = np.array([[0, 1, 2], [3, 100, 5]], dtype)
    if np.dtype(dtype).kind != "u":
        values[0] *= -1
    kind = helper.np_dtype_to_tensor_dtype(values.dtype)
    content = values.tobytes() if raw else values.ravel()
    tensor = helper.make_tensor("w", kind, values.shape, content, raw=raw)
    model = helper.make_model(helper.make_graph([], "g", [], [], [tensor]))
    found = read_initialisers(model.SerializeToString())
    assert found.keys() == {"w"}
    assert found["w"].dtype == values.dtype
    np.testing.assert_array_equal(found["w"], numpy_helper.to_array(tensor))


def test_weights_that_do_not_fill_their_shape_or_have_a_foreign_type_are_refused():
    short = helper.make_tensor("w", TensorProto.FLOAT, (1,), b"1234", raw=True)
    short.dims[0] = 2
    odd = helper.make_tensor("w", TensorProto.BOOL, (1,), b"1", raw=True)
    for tensor in (short, odd):
        model = helper.make_model(helper.make_graph([], "g", [], [], [tensor]))
        with pytest.raises(ModelFileError, match="the weight 'w' cannot be read"):
            read_initialisers(model.SerializeToString())
