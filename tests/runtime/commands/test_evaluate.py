"""lg-run as a process."""

import json
import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import linguagen
from linguagen.runtime import Compressor


def test_compress_writes_beside_the_input_and_prints_where(tiny, tmp_path, run_command, tiny_vectors):
    np.save(tmp_path / "mine.npy", 2 * tiny_vectors)
    done = run_command("lg-run", "compress", "mine.npy", "--model", tiny["int8"])
    assert done.stdout == "mine.8.npy\n"
    assert "note: 300 rows were not of length 1; they were scaled to it" in done.stderr
    assert "300 x 48 -> 300 x 8 as float32, 0.1 MB -> 0.0 MB, model tiny" in done.stderr
    assert "compressing" not in done.stderr  # no progress bar in a pipe
    np.testing.assert_allclose(
        np.load(tmp_path / "mine.8.npy"), Compressor.load(tiny["int8"]).compress(tiny_vectors), atol=1e-6
    )


def test_progress_is_drawn_on_a_terminal(tiny, tmp_path, tiny_vectors):
    np.save(tmp_path / "v.npy", np.tile(tiny_vectors, (40, 1)))
    leader, follower = pty.openpty()
    words = [Path(sys.executable).parent / "lg-run", "compress", "v.npy", "--model", tiny["int8"]]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=follower)
    os.close(follower)
    shown = b""
    while select.select([leader], [], [], 30)[0]:
        try:
            shown += os.read(leader, 4096)
        except OSError:  # the other side closed
            break
    assert process.wait(30) == 0
    os.close(leader)
    assert b"compressing" in shown
    assert b"12000/12000" in shown


def test_evaluate_prints_the_controls_and_every_source(tiny, tmp_path, run_command, tiny_vectors):
    np.save(tmp_path / "v.npy", tiny_vectors)
    np.save(tmp_path / "v-source.npy", np.arange(300) % 2)
    words = ("lg-run", "evaluate", "v.npy", "--model", tiny["int8"], "-k", "5")
    lines = run_command(*words).stdout.splitlines()
    assert lines[0].split() == [
        "method",
        "dims",
        "recall@5",
        "pair",
        "r",
        "pair",
        "error",
        "mean",
        "cosine",
        "reconstruction",
    ]
    methods = ["tiny (int8)", "truncation", "PCA", "softened PCA", "random projection"]
    assert [line[:17].strip() for line in lines[2:7]] == methods
    assert "recall above PCA: " in lines[8]
    assert lines[10] == "recall@5 by origin"
    document = json.loads(run_command(*words, "--json", "--rows", "200").stdout)
    assert document["rows"] == 200
    assert [row["method"] for row in document["fidelity"]] == methods
    assert document["recall_by_origin"]["1"].keys() == set(methods)
    assert len(document["recall_above_pca_95"]) == 2


def test_evaluate_without_sources_has_one_table(tiny, tmp_path, run_command, tiny_vectors):
    np.save(tmp_path / "v.npy", tiny_vectors)
    assert "by origin" not in run_command("lg-run", "evaluate", "v.npy", "--model", tiny["int8"]).stdout
    document = json.loads(run_command("lg-run", "evaluate", "v.npy", "--model", tiny["int8"], "--json").stdout)
    assert document["recall_by_origin"] == {}


def test_info_and_models_tell_what_ships(run_command, tiny):
    listed = run_command("lg-run", "models").stdout
    assert listed.splitlines()[2].split()[:4] == ["text-embedding-3-small", "1536", "->", "256"]
    assert re.search(r"\d+ vectors of sources held out of training$", listed.splitlines()[2])
    assert [row["name"] for row in json.loads(run_command("lg-run", "models", "--json").stdout)] == [
        "text-embedding-3-small",
        "text-embedding-3-small-1536",
        "text-embedding-3-small-512",
        "text-embedding-ada-002",
        "text-embedding-ada-002-1536",
        "text-embedding-ada-002-512",
        "linguagen-en",
        "linguagen-ner-en",
        "linguagen-pos-en",
    ]
    assert listed.splitlines()[-3].split()[:5] == ["linguagen-en", "text", "->", "256", "int8"]
    told = run_command("lg-run", "info", tiny["int8"]).stdout
    assert "dimensions:  48 -> 8" in told
    assert "fidelity on 60 vectors of rows held out of training" in told
    assert json.loads(run_command("lg-run", "info", tiny["int8"], "--json").stdout)["teacher"] == "tiny-teacher"
    labels = json.loads(run_command("lg-run", "info", "linguagen-ner-en", "--json").stdout)
    assert labels["labels"] == "O B-LOC I-LOC B-ORG I-ORG B-PER I-PER"
    assert labels["figures"][0]["name"] == "entity F1"


def test_sample_says_that_it_is_synthetic_and_never_overwrites(run_command, tiny, tmp_path):
    words = ("lg-run", "sample", "-n", "1500", "--model", tiny["int8"])
    done = run_command(*words)
    assert done.stdout == "vectors.npy\n"
    assert "drew 1500 synthetic vectors like those that" in done.stderr
    assert "they carry no meaning" in done.stderr
    assert f"next: lg-run compress vectors.npy --model {tiny['int8']}" in done.stderr
    first = np.load(tmp_path / "vectors.npy")
    assert first.shape == (1500, 48)
    again = run_command(*words, code=2)
    assert "error: vectors.npy exists; choose another name with -o, or pass --overwrite" in again.stderr
    run_command(*words, "--overwrite", "--seed", "1")
    assert not np.array_equal(first, np.load(tmp_path / "vectors.npy"))


def test_vectors_of_another_teacher_are_warned_of(run_command, tmp_path):
    noise = np.random.default_rng(0).standard_normal((30, 1536)).astype(np.float32)
    np.save(tmp_path / "noise.npy", noise / np.linalg.norm(noise, axis=1, keepdims=True))
    for command in ("compress", "evaluate"):
        done = run_command("lg-run", command, "noise.npy")
        assert "warning: these vectors do not look like text-embedding-3-small's" in done.stderr


def test_an_empty_file_of_vectors_gives_an_empty_file(run_command, tiny, tmp_path):
    np.save(tmp_path / "v.npy", np.empty((0, 48), np.float32))
    run_command("lg-run", "compress", "v.npy", "--model", tiny["int8"])
    assert np.load(tmp_path / "v.8.npy").shape == (0, 8)
    done = run_command("lg-run", "evaluate", "v.npy", "--model", tiny["int8"], code=1)
    assert "error: 0 vectors are too few for recall@10" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("compress", "no.npy"), 2, "error: no.npy does not exist; expected a file of vectors: .npy, .npz"),
        (
            ("compress", "v.npy", "--model", "gpt"),
            2,
            "error: no model 'gpt': it is not a file, and the installed models are",
        ),
        (
            ("compress", "v.npy", "--device", "tpu"),
            2,
            "error: device 'tpu' is not known; expected one of auto, cpu, cuda",
        ),
        (("compress", "v.npy", "--threads", "0"), 2, "Invalid value for '--threads'"),
        (("compress",), 2, "Missing argument 'INPUT'"),
        (
            ("compress", "v.npy"),
            1,
            "error: v.npy: vectors of width 48, but the model takes width 1536; use the model of",
        ),
        (
            ("compress", "v.npy", "--device", "cuda"),
            1,
            "error: device 'cuda' was asked for, but this onnxruntime offers only",
        ),
        (("evaluate", "v.txt"), 1, "error: v.txt: its ending '.txt' is none of .npy, .npz"),
        (("info", "v.txt"), 1, "error: v.txt: cut, damaged or no ONNX file"),
    ],
)
def test_errors_are_one_line_with_an_exit_code(run_command, tmp_path, tiny_vectors, words, code, message):
    np.save(tmp_path / "v.npy", tiny_vectors)
    (tmp_path / "v.txt").write_text("0.1")
    done = run_command("lg-run", *words, code=code)
    assert message in done.stderr.replace("\n", " ").replace("│", "")
    assert done.stdout == ""


def test_every_command_has_help_with_an_example(run_command):
    shown = run_command("lg-run", "--help").stdout
    commands = [line.split()[0] for line in shown.split("Commands:\n")[1].splitlines()]
    assert commands == [
        *("compress", "expand", "embed", "tag", "index", "search", "evaluate", "evaluate-text", "report", "sample"),
        *("bench", "info", "models", "serve", "demo"),
    ], "a new command belongs in this list too"
    assert "..." not in shown.split("Commands:\n")[1], "a summary is too long for the list"
    for command in commands:
        assert f"Example: lg-run {command}" in run_command("lg-run", command, "--help").stdout


def test_the_version_is_told(run_command):
    assert run_command("lg-run", "--version").stdout == f"lg-run {linguagen.__version__}\n"


def test_a_shell_can_complete_commands(run_command):
    words = {"_LG_RUN_COMPLETE": "complete_bash", "COMP_WORDS": "lg-run comp", "COMP_CWORD": "1"}
    assert run_command("lg-run", **words).stdout.split() == ["compress"]
