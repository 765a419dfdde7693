import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from make_tiny_model import make_run, tiny_config, tiny_vectors
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from linguagen.models.errors import TrainingError, UsageError
from linguagen.train.run.checkpoint import read_checkpoint
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.vectors.config import VectorRunConfig
from linguagen.train.vectors.finished import load_finished
from linguagen.train.vectors.loop import train

ALONE = Processes()
TINY = ("--dim", "8", "--segments", "6", "--hidden", "3", "--batch", "64", "--subspace-rows", "4")


def weights(run: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(RunFolder(run))["model"]


def assert_same_weights(first: Path, second: Path) -> None:
    mine, theirs = weights(first), weights(second)
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_the_same_seed_gives_the_same_weights_and_another_others(tmp_path):
    paths = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        paths.append(make_run(tmp_path / name, seed=seed, steps=20))
    assert_same_weights(paths[0], paths[1])
    assert not torch.equal(weights(paths[0])["encoder.head.weight"], weights(paths[2])["encoder.head.weight"])


def test_training_moves_from_the_closed_form_and_beats_it_on_its_own_objective(tiny):
    rows = {row.method: row for row in load_finished(tiny["run"]).fidelity}
    assert rows["encoder"].recall >= rows["softened PCA"].recall
    assert load_finished(tiny["run"]).network.head.weight.abs().max() > 1e-3


def test_tensorboard_has_every_term_and_the_controls_beside_the_model(tiny):
    events = EventAccumulator(str(tiny["run"] / "tensorboard"))
    events.Reload()
    tags = set(events.Tags()["scalars"])
    assert {f"loss/{term}" for term in ("neighbourhood", "pairwise", "cosine")} <= tags
    assert "learning rate" in tags
    for title in ("recall at 10", "pair correlation", "reconstruction cosine", "mean cosine (collapse)"):
        assert {f"{title}/{method}" for method in ("encoder", "PCA", "softened PCA", "truncation")} <= tags
    assert [event.step for event in events.Scalars("recall at 10/encoder")] == [20, 40, 60]


@pytest.mark.timeout(200)
def test_a_run_killed_for_real_goes_on_to_the_weights_of_an_unbroken_one(tmp_path, run_command):
    np.save(tmp_path / "v.npy", tiny_vectors(600, seed=1))
    words = ("v.npy", *TINY, "--steps", "400", "--evaluate-every", "10", "--threads", "1")
    run_command("lg-train", *words, "--out", "runs/unbroken")
    program = Path(sys.executable).parent / "lg-train"
    killed = subprocess.Popen([program, *words, "--out", "runs/killed"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "runs" / "killed" / "checkpoint.pt"
    for _ in range(3000):
        if checkpoint.exists() or killed.poll() is not None:
            break
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert not (tmp_path / "runs" / "killed" / "finished.json").exists()
    done = run_command("lg-train", "--resume", "--out", "runs/killed", "--threads", "1")
    assert "Better than PCA" in done.stdout or "o better than PCA" in done.stdout or "WORSE" in done.stdout
    assert_same_weights(tmp_path / "runs" / "unbroken", tmp_path / "runs" / "killed")


def test_two_gloo_processes_train_one_model(tmp_path):
    np.savez(tmp_path / "v.npz", vectors=tiny_vectors(600, seed=1))  # each process copies it to .npy for itself
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words += [
        "--module",
        "linguagen.train.cli",
        "v.npz",
        *TINY,
        "--steps",
        "30",
        "--members",
        "2",
        "--out",
        "runs/two",
        "--device",
        "cpu",
    ]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    run = load_finished(tmp_path / "runs" / "two")
    assert run.summary["processes"] == 2
    assert done.stdout.count("softened PCA") == 1  # one process talks
    alone = make_run_in(tmp_path / "alone", steps=30, members=2)
    # The leader trains the members and sends their mean; the rest learns from both processes' batches.
    mine, theirs = weights(alone), weights(run_path(tmp_path))
    torch.testing.assert_close(mine["encoder.skip.weight"], theirs["encoder.skip.weight"], atol=1e-3, rtol=0)
    assert not torch.equal(mine["encoder.head.weight"], theirs["encoder.head.weight"])


def run_path(folder: Path) -> Path:
    return folder / "runs" / "two"


def make_run_in(folder: Path, **changes: object) -> Path:
    folder.mkdir()
    return make_run(folder, **changes)


def test_a_loss_that_is_not_finite_stops_the_run_by_step(tmp_path):
    np.save(tmp_path / "v.npy", tiny_vectors(600, seed=1))
    config = tiny_config((str(tmp_path / "v.npy"),), learning_rate=1e30, block_learning_rate=1e30)
    (tmp_path / "run").mkdir()
    with pytest.raises(TrainingError, match=r"the loss is nan at step \d+; train with a smaller --learning-rate"):
        train(config, RunFolder(tmp_path / "run"), ALONE)


def test_deeper_and_single_direction_encoders_train(tmp_path):
    for number, changes in enumerate(({"layers": 2}, {"directions": "backward"}, {"directions": "none"})):
        run = load_finished(make_run_in(tmp_path / str(number), steps=5, evaluate_every=5, **changes))
        assert run.network.config.layers == changes.get("layers", 1)
        assert np.isfinite(run.fidelity[0].recall)


def test_seconds_bound_the_steps_and_are_written_down(tmp_path):
    began = time.monotonic()
    np.save(tmp_path / "v.npy", tiny_vectors(800, seed=8))
    config = tiny_config((str(tmp_path / "v.npy"),), steps=10**6, seconds=4.0)
    RunFolder(tmp_path / "run").write_config(config)
    train(config, RunFolder(tmp_path / "run"), ALONE)
    assert time.monotonic() - began < 30  # a million steps would take hours; the machine may be busy
    config = RunFolder(tmp_path / "run").read_config(VectorRunConfig)
    assert 1 <= config.timed_steps < 10**6
    assert config.training_steps == config.timed_steps
    assert (config.seconds, config.optimiser.steps) == (4.0, 10**6)  # as typed, so that --resume may repeat them
    with pytest.raises(UsageError, match="--seconds is -1.0, expected 0 or more"):
        tiny_config(("a",), seconds=-1.0)


def test_a_run_bounded_by_seconds_resumes_with_the_same_options_and_steps(tmp_path, run_command):
    np.save(tmp_path / "v.npy", tiny_vectors(600, seed=5))
    words = ("--dim", "8", "--segments", "6", "--batch", "64", "--steps", "9000", "--seconds", "3", "--threads", "1")
    run_command("lg-train", "v.npy", *words)
    folder = RunFolder(tmp_path / "runs" / "v")
    first = folder.read_config(VectorRunConfig)
    (folder.path / "finished.json").unlink()  # killed after its last checkpoint
    run_command("lg-train", "v.npy", *words, "--resume")
    assert folder.read_config(VectorRunConfig) == first
    assert read_checkpoint(folder)["step"] == first.timed_steps
