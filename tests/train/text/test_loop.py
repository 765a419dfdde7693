import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import make_tiny_text_model as tiny_model
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from linguagen.models.errors import RunFolderError, TrainingError, UsageError
from linguagen.train import kinds
from linguagen.train.network.linear import main_axes, near_rotation
from linguagen.train.run.command import RunOptions, started
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.text.config import TextRunConfig
from linguagen.train.text.finished import load_finished
from linguagen.train.text.loop import train_text


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return tiny_model.write_inputs(tmp_path_factory.mktemp("inputs"))


def test_a_run_learns_what_the_teacher_says_of_texts_it_has_not_read(inputs, tmp_path):
    shape = {"hidden": 16, "width": 16, "learning_rate": 0.01, "token_dropout": 0.0}
    path = tiny_model.make_text_run(
        tmp_path / "run", inputs, "targets", steps=400, simcse=0, skip_gram=0, neighbourhood=0, **shape
    )
    run = load_finished(path)
    figures = {figure.name: figure for figure in run.figures}
    recall = figures["recall@10 of the teacher's neighbours"]
    # A tenth of 392 texts is held out; 10 of the 38 others would be right by chance in a quarter of the cases.
    assert recall.encoder > 0.6
    # Who bites and who is bitten are two directions of the teacher's: the mean of a table cannot tell them apart.
    assert recall.encoder > recall.mean_of_table + 0.1
    assert run.summary["training_texts"] == 353


def test_every_term_and_figure_is_on_the_board(tiny_text):
    board = EventAccumulator(str(tiny_text["run"] / "tensorboard"))
    board.Reload()
    tags = set(board.Tags()["scalars"])
    assert {f"loss/{name}" for name in ("cosine", "neighbourhood", "simcse", "contrastive", "skip_gram")} <= tags
    assert "spearman of scored pairs/encoder" in tags
    assert "recall@1 of pairs/mean of table" in tags
    assert [event.step for event in board.Scalars("recall@1 of halves/encoder")] == [
        10,
        20,
        21,
    ]  # 21: after the mean with its start


def test_a_run_that_was_killed_goes_on_to_the_same_weights(inputs, tmp_path, run_command):
    words = ["text", inputs["text"], "--targets", inputs["targets"], "--steps", "60", "--evaluate-every", "10"]
    words += ["--dim", "8", "--width", "12", "--hidden", "4", "--pieces", "400", "--batch", "32", "--threads", "1"]
    run_command("lg-train", *words, "--out", "whole")
    program = Path(sys.executable).parent / "lg-train"
    process = subprocess.Popen([program, *map(str, words), "--out", "cut"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "cut" / "checkpoint.pt"
    while not checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "cut" / "finished.json").exists()
    done = run_command("lg-train", "text", "--resume", "--out", "cut", "--threads", "1")
    assert "recall@10 of the teacher's neighbours" in done.stdout
    ours, theirs = (load_finished(tmp_path / name).network.state_dict() for name in ("cut", "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    again = run_command("lg-train", "text", "--resume", "--out", "cut", code=1)
    assert "error: cut is finished; export it with lg-export cut, or start a new run" in again.stderr
    other = run_command("lg-train", "text", "--resume", "--out", "cut", "--batch", "64", code=1)
    assert "error: cut was made with batch 32, not 64; resume it without that option" in other.stderr


def test_the_command_prints_figures_and_json(inputs, run_command):
    words = ["text", inputs["text"], "--pairs", inputs["pairs"], "--pieces", 400, "--steps", 2, "--batch", 16]
    shape = ["--dim", 8, "--width", 8, "--hidden", 2]
    done = run_command("lg-train", *words, *shape)
    assert done.stdout.splitlines()[0].split() == [
        "on",
        "texts",
        "held",
        "out",
        "encoder",
        "mean",
        "of",
        "its",
        "table",
    ]
    assert "next: lg-export runs/corpus --quantize int8" in done.stderr
    document = json.loads(run_command("lg-train", *words, *shape, "--json").stdout)
    assert document["run"] == "runs/corpus-2"
    assert [figure["name"] for figure in document["figures"]] == [
        "recall@1 of pairs",
        "recall@1 of misspelt texts",
        "recall@1 of halves",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["text"], "no texts given; name a file with one text per line, as in lg-train text corpus.txt"),
        (["text", "c.txt", "--pieces", "10"], "--pieces is 10, expected 300 or more"),
        (["text", "c.txt", "--token-dropout", "1"], "--token-dropout is 1.0, expected from 0 to below 1"),
        (["text", "c.txt", "--misspelt", "1.5"], "--misspelt is 1.5, expected from 0 to below 1"),
        (
            ["text", "c.txt", "--init", "linguagen-en", "--collection", "4", "--steps", "9"],
            "--steps means nothing with --collection, which is a closed form; leave it out",
        ),
        (["text", "c.txt", "--held-out", "1"], "--held-out is 1.0, expected between 0 and 1"),
    ],
)
def test_words_that_cannot_be_are_refused(run_command, words, message):
    assert f"error: {message}" in run_command("lg-train", *words, code=2).stderr


def test_a_folder_with_a_run_is_not_written_over(tiny_text, run_command):
    done = run_command("lg-train", "text", tiny_text["text"], "--out", tiny_text["run"], code=2)
    assert "already holds a run; continue it with --resume, or choose another --out" in done.stderr


def test_several_processes_are_refused(inputs, tmp_path, monkeypatch):
    two = contextlib.nullcontext(Processes(0, 2))
    monkeypatch.setattr("linguagen.train.run.processes.joined", lambda device: two)
    options = RunOptions(out=tmp_path / "run")
    message = "2 processes were started, but a run of kind 'text' takes one; leave torchrun out"
    with (
        pytest.raises(UsageError, match=message),
        started(TextRunConfig, options, ("c.txt",), {}, lambda: TextRunConfig(("c.txt",))),
    ):
        pass
    assert not (tmp_path / "run").exists()


def test_a_teacher_that_does_not_fit_is_refused(inputs, tmp_path):
    np.save(tmp_path / "short.npy", np.ones((5, 12), np.float32))
    np.save(tmp_path / "narrow.npy", np.ones((392, 4), np.float32))
    run = RunFolder(tmp_path)
    for name, message in (
        ("short.npy", "has 5 vectors, but the texts ask for row 391; give one vector for each text"),
        ("narrow.npy", "has vectors of width 4, embeddings have --dim 8; give --dim 4 or less"),
    ):
        config = tiny_model.tiny_text_config(inputs, targets=str(tmp_path / name))
        with pytest.raises(TrainingError) as error:
            train_text(config, run, Processes())
        assert message in str(error.value)


def test_a_loss_that_is_off_or_not_finite_ends_the_run(inputs, tmp_path):
    off = tiny_model.tiny_text_config(inputs, simcse=0, skip_gram=0)
    with pytest.raises(
        TrainingError, match="every loss term is off: give one a weight above 0, and the data that it needs"
    ):
        train_text(off, RunFolder(tmp_path), Processes())
    wild = tiny_model.tiny_text_config(inputs, "targets", learning_rate=1e30)
    with pytest.raises(TrainingError, match="the loss is nan at step .*; train with a smaller --learning-rate"):
        train_text(wild, RunFolder(tmp_path), Processes())


def test_a_run_starts_from_another_in_the_new_teachers_space(tiny_text, inputs, tmp_path):
    """The new teacher is the old one, turned: closed form alone follows it nearly as well."""
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((12, 12)))[0].astype(np.float32)
    np.save(tmp_path / "turned.npy", np.load(inputs["targets"]) @ rotation)
    first = tiny_model.make_text_run(tmp_path / "one", inputs, "targets", steps=200, simcse=0, skip_gram=0)
    words = {"targets": str(tmp_path / "turned.npy"), "init": str(first), "steps": 1, "learning_rate": 1e-9}
    second = load_finished(tiny_model.make_text_run(tmp_path / "two", inputs, **words))
    name = "recall@10 of the teacher's neighbours"
    before, after = (next(f for f in run.figures if f.name == name) for run in (load_finished(first), second))
    assert after.encoder == pytest.approx(before.encoder, abs=0.05)
    assert second.tokenizer.model == load_finished(first).tokenizer.model
    other = tiny_model.tiny_text_config(inputs, init=str(first), hidden=5)
    with pytest.raises(UsageError, match="--init one has .*hidden=4.* this run asks for .*hidden=5.*same shape"):
        train_text(other, RunFolder(tmp_path), Processes())


def test_the_final_weights_are_part_of_those_that_training_began_with(inputs, tmp_path):
    weights = {}
    for share in (0.0, 0.5, 0.25):
        path = tiny_model.make_text_run(tmp_path / f"{share}", inputs, "targets", start_share=share)
        weights[share] = load_finished(path).network.state_dict()
    for name, trained in weights[0.0].items():
        begun = 2 * weights[0.5][name] - trained
        torch.testing.assert_close(weights[0.25][name], 0.75 * trained + 0.25 * begun, atol=1e-5, rtol=1e-4)
    moved = weights[0.0]["embedding.weight"] - weights[0.5]["embedding.weight"]
    assert moved.abs().max() > 0.01


def test_a_run_killed_before_its_last_file_is_not_averaged_twice(inputs, tmp_path):
    config = tiny_model.tiny_text_config(inputs, "targets")
    path = tiny_model.make_text_run(tmp_path / "run", inputs, "targets")
    before = load_finished(path).network.state_dict()
    (path / "finished.json").unlink()
    train_text(config, RunFolder(path), Processes())
    after = load_finished(path).network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_without_a_teacher_a_start_is_the_old_weights(tiny_text, inputs, tmp_path):
    words = {"init": str(tiny_text["run"]), "steps": 1, "learning_rate": 1e-9}
    new = load_finished(tiny_model.make_text_run(tmp_path / "new", inputs, **words)).network.state_dict()
    old = load_finished(tiny_text["run"]).network.state_dict()
    assert all(torch.allclose(new[name], old[name], atol=1e-6) for name in new)


def test_the_linear_map_is_least_squares_and_a_rotation_with_few_rows():
    torch.manual_seed(0)
    expected, rows = torch.randn(4, 4), torch.randn(5000, 4)
    torch.testing.assert_close(near_rotation(rows, rows @ expected.T, 1.0), expected, atol=0.01, rtol=0.01)
    rotation = torch.linalg.qr(torch.randn(4, 4)).Q
    torch.testing.assert_close(near_rotation(rows[:3], rows[:3] @ rotation.T, 1.0) @ rows[0], rotation @ rows[0])


def test_the_main_axes_are_those_of_scikit_learn():
    from sklearn.decomposition import TruncatedSVD

    rows = tiny_model.tiny_teacher(tiny_model.tiny_texts())
    ours = torch.from_numpy(rows) @ main_axes(rows, 3)
    theirs = TruncatedSVD(3, algorithm="arpack", random_state=0).fit_transform(rows)
    np.testing.assert_allclose(np.abs(ours.numpy()), np.abs(theirs), rtol=1e-3, atol=1e-3)
    assert torch.equal(main_axes(rows, 12), torch.eye(12))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "config.json").unlink(), "is not a training run"),
        (
            lambda run: (run / "config.json").write_text('{"text": 1}'),
            "is a run of kind '', expected one of vectors, text, tagger",
        ),
        (
            lambda run: (run / "finished.json").unlink(),
            "is not finished; continue it with: lg-train text --resume --out",
        ),
        (lambda run: (run / "tokenizer.model").write_bytes(b"x"), "cannot be read .*; train again"),
        (lambda run: (run / "checkpoint.pt").write_bytes(b"x"), "cannot be read .*; train again"),
    ],
)
def test_a_damaged_run_is_refused(tiny_text, tmp_path, damage, message):
    import shutil

    run = Path(shutil.copytree(tiny_text["run"], tmp_path / "run"))
    damage(run)
    with pytest.raises(RunFolderError, match=message):
        kinds.load_finished(run)
