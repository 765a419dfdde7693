import shutil

import numpy as np
import pytest
import torch

from linguagen.models.errors import RunFolderError
from linguagen.train.kinds import load_finished
from linguagen.train.run import state
from linguagen.train.run.checkpoint import read_checkpoint, restore, save
from linguagen.train.run.folder import RunFolder, free_run, latest_run
from linguagen.train.run.state import Stopwatch


@pytest.fixture
def copy(tiny, tmp_path):
    return shutil.copytree(tiny["run"], tmp_path / "runs" / "copy")


def test_a_finished_run_is_read_whole(tiny):
    run = load_finished(tiny["run"])
    assert (run.name, run.config.teacher, run.network.width) == ("tiny", "tiny-teacher", 48)
    assert run.fidelity[0].method == "encoder"
    np.testing.assert_allclose(np.linalg.norm(run.calibration, axis=1), 1, atol=1e-6)


def test_a_failed_start_leaves_what_was_there_and_nothing_else(tmp_path):
    folder = RunFolder(tmp_path / "runs" / "new")
    with pytest.raises(KeyboardInterrupt), folder.undone_before(lambda: False):
        (folder.path / "inputs").mkdir(parents=True)
        (folder.path / "inputs" / "v.npy").touch()
        folder.config.touch()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    folder.path.mkdir(parents=True)
    (folder.path / "notes").touch()
    with pytest.raises(RunFolderError), folder.undone_before(lambda: False):
        folder.config.touch()
        raise RunFolderError
    assert list(folder.path.iterdir()) == [folder.path / "notes"]


@pytest.mark.parametrize(("begun", "file"), [(True, "config.json"), (False, "checkpoint.pt")])
def test_a_run_that_has_begun_is_kept_when_it_fails(tmp_path, begun, file):
    folder = RunFolder(tmp_path / "new")
    with pytest.raises(RunFolderError), folder.undone_before(lambda: begun):
        folder.path.mkdir()
        (folder.path / file).touch()
        raise RunFolderError
    assert (folder.path / file).exists()


def test_folders_that_are_no_finished_run_are_told_apart(copy, tmp_path):
    with pytest.raises(RunFolderError, match="is not a training run .*; make one with lg-train"):
        load_finished(tmp_path)
    (copy / "finished.json").unlink()
    with pytest.raises(RunFolderError, match="is not finished; continue it with: lg-train vectors --resume --out "):
        load_finished(copy)


@pytest.mark.parametrize("name", ["finished.json", "statistics.npz", "calibration.npy", "checkpoint.pt"])
def test_damaged_runs_are_refused(copy, name):
    (copy / name).write_bytes((copy / name).read_bytes()[:50])
    with pytest.raises(RunFolderError, match="cannot be read .*; train again"):
        load_finished(copy)


def test_a_checkpoint_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RunFolderError, match="has no checkpoint yet; train again without --resume"):
        read_checkpoint(RunFolder(tmp_path))


def test_seconds_before_a_kill_count_and_those_after_the_checkpoint_do_not(tmp_path, monkeypatch):
    now = 100.0
    monkeypatch.setattr(state.time, "monotonic", lambda: now)
    first, folder = Stopwatch(), RunFolder(tmp_path)
    now = 140.0
    save(folder, {"stopwatch": first}, 7)
    now = 5000.0  # killed, and started again
    second = Stopwatch()
    now = 5003.0
    assert restore(folder, {"stopwatch": second}) == 7
    now = 5010.0
    assert second.seconds == 50


def test_a_checkpoint_of_another_version_is_refused(tmp_path):
    save(RunFolder(tmp_path), {}, 7)
    with pytest.raises(
        RunFolderError, match="holds no stopwatch: another version wrote it; finish the run with that version"
    ):
        restore(RunFolder(tmp_path), {"stopwatch": Stopwatch()})


def test_the_latest_run_and_the_next_free_name(tmp_path):
    with pytest.raises(RunFolderError, match="no training run below .*; make one with lg-train, or name its folder"):
        latest_run(tmp_path)
    assert free_run("a", tmp_path).name == "a"
    for name in ("a", "a-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    assert free_run("a", tmp_path).name == "a-3"
    assert latest_run(tmp_path).name == "a-2"


def test_checkpoints_are_never_unpickled_as_code(tmp_path):
    torch.save({"step": torch.nn.Linear(1, 1)}, tmp_path / "checkpoint.pt")
    with pytest.raises(RunFolderError, match="checkpoint.pt cannot be read"):
        read_checkpoint(RunFolder(tmp_path))
