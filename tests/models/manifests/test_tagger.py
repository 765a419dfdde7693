from dataclasses import replace

import pytest

from linguagen.models.errors import ModelFileError
from linguagen.models.manifests.tagger import HashedFeature, TaggerFigure, TaggerManifest, WordFeatures

MANIFEST = TaggerManifest(
    name="t",
    teacher="",
    output_dim=3,
    precision="float32",
    labels=("O", "B-PER", "I-PER"),
    scheme="bio",
    features=WordFeatures(300, 4, (HashedFeature("form", 64), HashedFeature("suffix", 32, 3))),
    transitions=((0.0, 0.5, -9.0),) * 4,
    window=128,
    overlap=16,
    figures=(TaggerFigure("F1", 0.5, 0.25, 0.375), TaggerFigure("other", 0.5, 0.25)),
)


def test_a_manifest_comes_back():
    assert TaggerManifest.from_json(MANIFEST.to_json(), "here") == MANIFEST
    assert MANIFEST.features.columns == 6
    assert MANIFEST.features.rows == 396


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("O", "B-PER")}, "3 different labels are expected, there are 2"),
        ({"labels": ("O", "B-PER", "B-PER")}, "3 different labels are expected, there are 2"),
        ({"labels": ("O", "I-PER", "I-LOC")}, "labels of the scheme bio are O, B-X for every X, and I-X"),
        ({"labels": ("B-LOC", "B-PER", "I-PER")}, "labels of the scheme bio are O"),
        ({"labels": ("O", "B-PER", "S-PER")}, "labels of the scheme bio are O"),
        ({"labels": ("O", "PER", "ORG")}, "labels of the scheme bio are O"),
        ({"labels": ("O", "B-PER", "B-a\tb")}, "is empty or has a space or control character"),
        ({"labels": ("O", "B-PER", "")}, "the label '' is empty"),
        ({"scheme": "iob1"}, "scheme is 'iob1', expected one of tags, bio"),
        ({"transitions": ((0.0,) * 3,) * 3}, "transitions are not 4 rows of 3"),
        ({"transitions": ((0.0,) * 2,) * 4}, "transitions are not 4 rows of 3"),
        ({"window": 32}, "a window of 32 words has no word between overlaps of 16"),
        ({"overlap": -1}, "a window of 128 words"),
        ({"features": WordFeatures(300, 0, (HashedFeature("form", 64),))}, "0 columns for the pieces of a tokenizer"),
        ({"features": WordFeatures(1, 0, ())}, "columns is 0, expected 1 or more"),
        ({"features": WordFeatures(1, 0, (HashedFeature("form", 0),))}, "rows is 0, expected 1 or more"),
        ({"features": WordFeatures(1, 0, (HashedFeature("sound", 9),))}, "a feature is 'sound', expected one of form"),
        ({"features": WordFeatures(1, 0, (HashedFeature("form", 9, 2),))}, "a form of 2 letters"),
        ({"features": WordFeatures(1, 0, (HashedFeature("suffix", 9),))}, "a suffix of 0 letters"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ModelFileError, match=f"here: the manifest does not have the fields .*{message}"):
        TaggerManifest.from_json(replace(MANIFEST, **changes).to_json(), "here")
