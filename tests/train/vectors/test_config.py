import pytest
from make_tiny_model import tiny_config

from linguagen.models.errors import RunFolderError, UsageError
from linguagen.train.text.config import TextRunConfig
from linguagen.train.vectors.config import EncoderConfig, OptimiserConfig, VectorRunConfig


def test_settings_go_to_json_and_flat_and_back():
    config = tiny_config(("a.npy", "b.npy"), temperature=0.03)
    assert VectorRunConfig.from_json(config.to_json(), "x") == config
    assert VectorRunConfig.from_flat(config.flat()) == config
    assert config.objective.temperature == 0.03


def test_settings_of_another_kind_are_refused_by_its_name():
    other = TextRunConfig(inputs=("corpus.txt",)).to_json()
    with pytest.raises(RunFolderError, match="x: a run of kind 'text', expected 'vectors'; use lg-train text"):
        VectorRunConfig.from_json(other, "x")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"kind": "vectors", "encoder": {"colour": 1}}'])
def test_another_versions_settings_are_refused(text):
    with pytest.raises(RunFolderError, match=r"x: not the settings of a run of this version \(.*\); train again"):
        VectorRunConfig.from_json(text, "x")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EncoderConfig(directions="up"), "--directions is 'up', expected one of both, forward, backward, none"),
        (lambda: EncoderConfig(hidden=0), "--hidden is 0, expected 1 or more"),
        (lambda: OptimiserConfig(steps=0), "--steps is 0, expected 1 or more"),
        (lambda: OptimiserConfig(batch=8), "--batch is 8, expected 16 or more: neighbours are learnt inside a batch"),
        (lambda: VectorRunConfig(("a",), held_out=1.0), "--held-out is 1.0, expected between 0 and 1"),
        (lambda: VectorRunConfig(("a",), evaluate_every=0), "--evaluate-every is 0, expected 1 or more"),
    ],
)
def test_values_that_cannot_be_are_wrong_use(make, message):
    with pytest.raises(UsageError, match=message):
        make()
