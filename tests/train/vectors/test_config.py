import pytest
from make_tiny_model import tiny_config

from linguagen.models.errors import RunFolderError, UsageError
from linguagen.train.vectors.config import EncoderConfig, OptimiserConfig, RunConfig, flat_settings, from_flat


def test_settings_go_to_json_and_flat_and_back():
    config = tiny_config(("a.npy", "b.npy"), temperature=0.03)
    assert RunConfig.from_json(config.to_json(), "x") == config
    assert from_flat(flat_settings(config)) == config
    assert config.objective.temperature == 0.03


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"encoder": {"colour": 1}}'])
def test_another_versions_settings_are_refused(text):
    with pytest.raises(RunFolderError, match=r"x: not the settings of a run of this version \(.*\); train again"):
        RunConfig.from_json(text, "x")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EncoderConfig(directions="up"), "--directions is 'up', expected one of both, forward, backward, none"),
        (lambda: EncoderConfig(hidden=0), "--hidden is 0, expected 1 or more"),
        (lambda: OptimiserConfig(steps=0), "--steps is 0, expected 1 or more"),
        (lambda: OptimiserConfig(batch=8), "--batch is 8, expected 16 or more: neighbours are learnt inside a batch"),
        (lambda: RunConfig(("a",), held_out=1.0), "--held-out is 1.0, expected between 0 and 1"),
        (lambda: RunConfig(("a",), evaluate_every=0), "--evaluate-every is 0, expected 1 or more"),
    ],
)
def test_values_that_cannot_be_are_wrong_use(make, message):
    with pytest.raises(UsageError, match=message):
        make()
