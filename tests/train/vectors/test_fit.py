"""Fitting one corpus with --init."""

import json
import time

import numpy as np
import pytest
import torch
from make_tiny_model import WIDTH, statistics_of, tiny_config, tiny_vectors

from linguagen.models.errors import TrainingError, UsageError
from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.runtime.measure.fidelity import FidelitySet
from linguagen.train.run.checkpoint import read_checkpoint
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.vectors.closed_form import gather_moments
from linguagen.train.vectors.config import VectorRunConfig
from linguagen.train.vectors.finished import load_finished
from linguagen.train.vectors.fit import SHARES, choose_closed_form
from linguagen.train.vectors.loop import train

ALONE = Processes()
TEACHER = tiny_vectors(3000, seed=50)


def moments_of(vectors: np.ndarray) -> tuple[TeacherStatistics, np.ndarray]:
    mean, moment = gather_moments([vectors], WIDTH)
    return TeacherStatistics.from_moments(mean, moment, 8), moment


def fit(tmp_path, vectors: np.ndarray, prior: TeacherStatistics | None, **changes: object):
    np.save(tmp_path / "c.npy", vectors)
    config = tiny_config((str(tmp_path / "c.npy"),), held_out=0.2, evaluate_every=10, **changes)
    folder = RunFolder(tmp_path / "run")
    folder.write_config(config)
    return train(config, folder, ALONE, prior=prior), json.loads(folder.finished.read_text())


def test_a_small_corpus_leans_on_its_teacher_and_a_large_one_on_itself():
    teacher = statistics_of(TEACHER, 8)
    queries = tiny_vectors(4000, seed=7)
    shares = []
    for rows in (20, 3000):
        corpus = queries[:rows]
        own, moment = moments_of(corpus)
        lookup = FidelitySet(queries[3000:3400], corpus=queries[:3000])
        shares.append(choose_closed_form(own, moment, teacher, 8, lookup).share)
    assert shares[0] > shares[1]
    assert set(shares) <= set(SHARES)


def test_without_a_teacher_only_the_softening_is_chosen():
    own, moment = moments_of(TEACHER[:500])
    form = choose_closed_form(own, moment, None, 8, FidelitySet(TEACHER[500:600], corpus=TEACHER[:500]))
    assert form.share == 0
    assert form.softening in (0.0, -0.05)


def test_a_teacher_of_another_width_is_refused():
    own, moment = moments_of(TEACHER[:500])
    other = statistics_of(TEACHER[:, :40], 8)
    lookup = FidelitySet(TEACHER[500:600], corpus=TEACHER[:500])
    with pytest.raises(TrainingError, match="corpus has vectors of width 48, the model to start from takes width 40"):
        choose_closed_form(own, moment, other, 8, lookup)


def test_a_fit_keeps_the_best_weights_and_reports_the_closed_form_beside(tmp_path):
    result, summary = fit(tmp_path, tiny_vectors(800, seed=8), statistics_of(TEACHER, 8), steps=80)
    names = [item.row.method for item in result.controls]
    assert names[0] == "closed form"
    assert "PCA" in names
    assert summary["validation_rows"] == 80  # the half of the held-out fifth that chose nothing
    assert not summary["validation_by_origin"]
    assert summary["closed_form"]["teacher_share"] in SHARES
    kept = load_finished(tmp_path / "run").network.state_dict()
    best = read_checkpoint(RunFolder(tmp_path / "run"))["best"]
    assert all(torch.equal(kept[name], best["weights"][f"encoder.{name}"]) for name in kept)


def test_where_training_only_hurts_the_closed_form_is_kept_and_said_so(tmp_path):
    statistics = statistics_of(TEACHER, 8)
    # Every rate is far too high, so that no validation beats the start.
    result, summary = fit(
        tmp_path,
        tiny_vectors(800, seed=8),
        statistics,
        steps=400,
        patience=2,
        learning_rate=5.0,
        block_learning_rate=5.0,
    )
    assert summary["best_step"] == 0
    assert "Training did not help on held-out queries: the closed form is what is kept." in result.verdict
    assert result.model.row.recall == result.controls[0].row.recall
    steps = read_checkpoint(RunFolder(tmp_path / "run"))["best"]["worse"]
    assert steps == 2  # it stopped after two validations


def test_seconds_bound_the_steps_and_are_written_down(tmp_path):
    began = time.monotonic()
    fit(
        tmp_path,
        tiny_vectors(800, seed=8),
        statistics_of(TEACHER, 8),
        steps=10**6,
        seconds=4.0,
        patience=10**6,
    )
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


def test_vectors_that_are_all_the_same_are_refused(tmp_path):
    with pytest.raises(TrainingError, match="all 640 training vectors point the same way; give vectors of different"):
        fit(tmp_path, np.tile(tiny_vectors(1, seed=1), (800, 1)), statistics_of(TEACHER, 8))


def test_fewer_distinct_vectors_than_dimensions_still_fit(tmp_path):
    vectors = tiny_vectors(10, seed=1)[:5].repeat(160, axis=0)
    result, _ = fit(tmp_path, vectors, statistics_of(TEACHER, 8), steps=10)
    assert np.isfinite(result.model.row.recall)


def test_two_hundred_vectors_are_enough(tmp_path):
    result, _ = fit(tmp_path, tiny_vectors(200, seed=3), statistics_of(TEACHER, 8), steps=10)
    assert 0 < result.model.row.recall <= 1


def test_the_command_starts_from_a_model_file(tmp_path, run_command, tiny):
    np.save(tmp_path / "c.npy", tiny_vectors(600, seed=5))
    words = ("--dim", "8", "--segments", "6", "--batch", "64", "--steps", "30", "--init", tiny["int8"])
    done = run_command("lg-train", "c.npy", *words)
    assert "closed form" in done.stdout
    config = RunFolder(tmp_path / "runs" / "c").read_config(VectorRunConfig)
    assert (config.objective.temperature, config.optimiser.steps, config.held_out) == (0.02, 30, 0.2)
    assert run_command("lg-export").stdout == "runs/c/c.float32.onnx\n"
    refused = run_command("lg-train", "c.npy", "--init", "no-model", code=2)
    assert "error: no model 'no-model'" in refused.stderr
