import json

import pytest

from linguagen.models.errors import RunFolderError
from linguagen.train.kinds import KINDS, command_of, load_finished
from linguagen.train.text.finished import FinishedTextRun
from linguagen.train.vectors.finished import FinishedVectorRun


def test_a_finished_run_is_read_by_the_kind_in_its_settings(tiny, tiny_text):
    vectors, text = load_finished(tiny["run"]), load_finished(tiny_text["run"])
    assert isinstance(vectors, FinishedVectorRun)
    assert isinstance(text, FinishedTextRun)
    assert (vectors.kind, text.kind) == ("vectors", "text")


def test_every_kind_has_a_command():
    assert all(command_of(kind).__doc__ for kind in KINDS)


@pytest.mark.parametrize("settings", [{"kind": "sound"}, {}, []])
def test_a_run_of_an_unknown_kind_is_refused(tmp_path, settings):
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(
        RunFolderError, match="is a run of kind '.*', expected one of vectors, text, tagger; train again"
    ):
        load_finished(tmp_path)
