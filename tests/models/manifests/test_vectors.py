import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from linguagen.models.errors import ModelFileError
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.models.manifests.vectors import FidelityRow, Manifest


@pytest.fixture
def manifest() -> Manifest:
    statistics = TeacherStatistics(
        np.arange(3, dtype=np.float32),
        np.array([2, 1], np.float32),
        np.eye(3, 2, dtype=np.float32),
        np.array([0, 0, 0.5], np.float32),
    )
    row = FidelityRow("encoder", 2, 0.9, 0.99, 0.01, 0.2, 0.19, None)
    moments = EmbeddingMoments(np.array([0.5, 0], np.float32), np.array([[0.5, 0.125], [0.125, 0.25]], np.float32))
    return Manifest(
        name="tiny",
        teacher="teacher",
        input_dim=3,
        output_dim=2,
        precision="int8",
        statistics=statistics,
        embedding_moments=moments,
        training={"rows": 5},
        fidelity=(row,),
        fidelity_set="5 vectors",
        parity={"rows": 2.0},
    )


def test_reads_back_what_it_wrote(manifest):
    back = Manifest.from_json(manifest.to_json(), "file.onnx")
    for name in ("mean", "eigenvalues", "eigenvectors", "residual"):
        np.testing.assert_array_equal(getattr(back.statistics, name), getattr(manifest.statistics, name))
    np.testing.assert_array_equal(back.embedding_moments.mean, manifest.embedding_moments.mean)
    np.testing.assert_array_equal(back.embedding_moments.covariance, manifest.embedding_moments.covariance)
    same = {"statistics": manifest.statistics, "embedding_moments": manifest.embedding_moments}
    assert replace(back, **same) == manifest


def test_another_format_version_is_refused_by_number(manifest):
    text = manifest.to_json().replace('"format_version": 2', '"format_version": 7')
    with pytest.raises(ModelFileError, match=r"file.onnx: model format version 7, .* reads version 2; install"):
        Manifest.from_json(text, "file.onnx")


@pytest.mark.parametrize("text", ["{", "", "\x00"])
def test_text_that_is_not_json_is_refused(text):
    with pytest.raises(ModelFileError, match="the manifest is not JSON .*; export the model again"):
        Manifest.from_json(text, "file.onnx")


def test_json_that_is_not_a_manifest_is_refused():
    with pytest.raises(ModelFileError, match="model format version None"):
        Manifest.from_json("[1]", "file.onnx")


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.pop("statistics"),
        lambda document: document.update(colour="blue"),
        lambda document: document["statistics"]["mean"].update(base64="!"),
        lambda document: document["statistics"]["mean"].update(shape=[4]),
        lambda document: document["fidelity"][0].pop("recall"),
        lambda document: document["fidelity"][0].update(recall="high"),
        lambda document: document["fidelity"][0].update(reconstruction=True),
        lambda document: document.update(codes={"kind": "int8", "dim": 2, "colour": "blue"}),
        lambda document: document.update(codes={"kind": "int8", "dim": 2.0}),
        lambda document: document.update(codes=[]),
        lambda document: document.update(name=5),
        lambda document: document.update(output_dim="2"),
        lambda document: document.update(output_dim=True),
        lambda document: document.update(output_dim=0),
        lambda document: document.update(output_dim=3),
        lambda document: document.update(input_dim=-3),
        lambda document: document.update(input_dim=4),
        lambda document: document.update(precision="int3"),
        lambda document: document.update(parity={"rows": "many"}),
        lambda document: document.update(training=[]),
        lambda document: document.update(file_sha256=None),
        lambda document: document["embedding_moments"].update(covariance_scale=[1, 2]),
        lambda document: document["embedding_moments"].update(covariance_scale=1e300),
        lambda document: document["embedding_moments"].update(covariance_scale=0),
        lambda document: document["statistics"].update(residual=document["statistics"]["eigenvalues"]),
    ],
)
def test_missing_unknown_and_damaged_fields_are_refused(manifest, change):
    document = json.loads(manifest.to_json())
    change(document)
    with pytest.raises(ModelFileError, match="does not have the fields of format version 2 .* export the model again"):
        Manifest.from_json(json.dumps(document), "file.onnx")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", "1e999"),
        ("seed", "-1e999"),
        ("seed", "NaN"),
        ("seed", "Infinity"),
        ("seed", "1" * 5000),
        ("seed", "1" * 30),
        ("seed", str(2**63)),
        ("seed", "-" + "9" * 19),
        ("seed", "[" * 17 + "]" * 17),
        ("seed", '{"a":' * 17 + "1" + "}" * 17),
        ("seed", '"\\ud800"'),
        ("seed", "[" * 100_000),
        ("statistics", "3"),
        ("statistics", "[]"),
        ("embedding_moments", '{"mean": 1}'),
        ("fidelity", "7"),
        ("fidelity", "[1]"),
    ],
)
def test_values_of_another_kind_end_in_a_model_file_error(manifest, field, value):
    document = json.loads(manifest.to_json())
    (document if field in document else document["training"])[field] = "HERE"
    with pytest.raises(ModelFileError, match="here: the manifest "):
        Manifest.from_json(json.dumps(document).replace('"HERE"', value), "here")


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "O"},
        {"dtype": 5},
        {"dtype": "<f8"},
        {"shape": [-1]},
        {"shape": "8"},
        {"shape": [1000.0]},
        {"shape": [2**62, 9]},
        {"base64": 5},
        {"base64": "?"},
        {"base64": base64.b64encode(np.full(8, np.nan, "<f4").tobytes()).decode()},
    ],
)
def test_arrays_that_are_none_end_in_a_model_file_error(manifest, change):
    document = json.loads(manifest.to_json())
    document["embedding_moments"]["mean"] |= change
    with pytest.raises(ModelFileError, match="here: the manifest does not have the fields"):
        Manifest.from_json(json.dumps(document), "here")


def test_moments_of_independent_dimensions_are_stored_as_variances():
    moments = EmbeddingMoments(np.array([0.5, 0], np.float32), np.diag(np.array([0.5, 0.1], np.float32)))
    document = moments.to_document()
    assert set(document) == {"mean", "variances"}
    back = EmbeddingMoments.from_document(document)
    np.testing.assert_array_equal(back.covariance, moments.covariance)
    np.testing.assert_allclose(back.deviation**2, [0.5, 0.1], rtol=1e-6)
