import json
import shutil
import sys

import pytest
import torch
from make_tiny_tagger_run import make_run, write_sentences

from linguagen.models.errors import RunFolderError, TextError, UsageError
from linguagen.train.kinds import load_finished
from linguagen.train.run.checkpoint import read_checkpoint
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.tagger import loop
from linguagen.train.tagger.config import TaggerRunConfig
from linguagen.train.tagger.prepare import piece_rows


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_sentences(tmp_path_factory.mktemp("sentences"))


@pytest.mark.parametrize(("kind", "name"), [("pos", "accuracy"), ("ner", "entity F1")])
def test_a_run_learns_labels_of_sentences_it_has_not_read(files, tmp_path, kind, name):
    run = load_finished(make_run(tmp_path / "run", files[kind], steps=120, learning_rate=0.01))
    figure = run.figures[0]
    assert (figure.name, figure.crf) == (name, None)
    assert figure.tagger > 0.95
    assert run.scheme == {"pos": "tags", "ner": "bio"}[kind]
    assert (run.transitions is None) == (kind == "pos")
    assert run.summary["training_sentences"] + run.summary["held_out_sentences"] == 270


def test_a_killed_run_is_resumed_to_the_same_weights(files, tmp_path, monkeypatch):
    whole = make_run(tmp_path / "whole", files["ner"])
    monkeypatch.setattr(loop, "run_steps", _stopping_at(40, loop.run_steps))
    with pytest.raises(KeyboardInterrupt):
        make_run(tmp_path / "part", files["ner"])
    monkeypatch.undo()
    folder = RunFolder(tmp_path / "part")
    assert read_checkpoint(folder)["step"] == 30
    loop.train_tagger(folder.read_config(TaggerRunConfig), folder, Processes())
    one, two = (read_checkpoint(RunFolder(path))["model"] for path in (whole, tmp_path / "part"))
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=0, atol=0)


def _stopping_at(step, run_steps):
    def stopped(state, losses, *rest, **named):
        def until(number):
            if number == step:
                raise KeyboardInterrupt
            return losses(number)

        return run_steps(state, until, *rest, **named)

    return stopped


def test_a_run_that_lost_its_labels_cannot_be_read(files, tmp_path):
    path = make_run(tmp_path / "run", files["pos"], steps=1)
    summary = json.loads((path / "finished.json").read_text())
    del summary["labels"]
    (path / "finished.json").write_text(json.dumps(summary))
    with pytest.raises(RunFolderError, match="cannot be read.*train again"):
        load_finished(path)


def test_a_file_for_validation_takes_the_place_of_sentences_held_out(files, tmp_path):
    shutil.copy(files["pos"], tmp_path / "dev.conllu")
    run = load_finished(make_run(tmp_path / "run", files["pos"], dev=str(tmp_path / "dev.conllu"), steps=1))
    assert (run.summary["training_sentences"], run.summary["held_out_sentences"]) == (270, 270)


def test_a_crf_is_measured_on_the_same_sentences(files, tmp_path):
    pytest.importorskip("pycrfsuite")
    run = load_finished(make_run(tmp_path / "run", files["ner"], crf=True, steps=1))
    assert run.figures[0].crf > 0.9


def test_too_few_sentences_are_refused(tmp_path):
    (tmp_path / "few.conll").write_text("Kim B-PER\nleft O\n")
    with pytest.raises(TextError, match="few.conll: 1 sentences, expected 50 or more"):
        make_run(tmp_path / "run", tmp_path / "few.conll")


def test_piece_rows_keep_the_main_axes_and_leave_padding_zero():
    table = torch.randn(40, 10, generator=torch.Generator().manual_seed(0))
    rows = piece_rows(table, 16)
    assert rows.shape == (40, 16)
    assert not rows[0].any()
    assert not rows[:, 10:].any()
    cosines = torch.nn.functional.cosine_similarity
    torch.testing.assert_close(cosines(rows[1:20], rows[20:39]), cosines(table[1:20], table[20:39]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loss": "hinge"}, "--loss is 'hinge', expected one of auto, cross-entropy, crf"),
        ({"word_dropout": 1.0}, "--word-dropout is 1.0, expected from 0 to below 1"),
        ({"dropout": -0.1}, "--dropout is -0.1, expected from 0 to below 1"),
        ({"steps": 0}, "--steps is 0, expected 1 or more"),
    ],
)
def test_settings_that_are_not_allowed_are_refused(values, message):
    with pytest.raises(UsageError, match=message):
        TaggerRunConfig.from_flat({"inputs": (), **values})


def test_without_python_crfsuite_there_is_no_crf(monkeypatch, files, tmp_path):
    monkeypatch.setitem(sys.modules, "pycrfsuite", None)
    run = load_finished(make_run(tmp_path / "run", files["ner"], crf=True, steps=1))
    assert {figure.crf for figure in run.figures} == {None}


def test_the_command_prints_the_table_and_what_is_next(files, tmp_path, run_command):
    words = ("--init", "none", "--steps", 2, "--hidden", 8, "--width", 8, "--out", tmp_path / "run")
    done = run_command("lg-train", "tagger", files["pos"], *words)
    assert "accuracy" in done.stdout
    assert f"next: lg-export {tmp_path / 'run'} --quantize int8" in done.stderr
    done = run_command("lg-train", "tagger", "--json", "--resume", "--out", tmp_path / "run", code=1)
    assert "is finished" in done.stderr
    assert "no data given" in run_command("lg-train", "tagger", code=2).stderr
