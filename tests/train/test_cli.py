"""lg-train and lg-export as processes."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from make_tiny_model import tiny_vectors

from linguagen.train.run.folder import RunFolder
from linguagen.train.vectors.config import VectorRunConfig

TINY = ("--dim", "8", "--segments", "6", "--hidden", "3", "--batch", "64", "--subspace-rows", "4", "--steps", "20")


@pytest.fixture
def trained(tmp_path, run_command):
    np.save(tmp_path / "mine.npy", tiny_vectors(600, seed=1))
    np.savetxt(tmp_path / "few.csv", tiny_vectors(60, seed=1), delimiter=",")
    return run_command("lg-train", "mine.npy", *TINY)


def test_a_run_prints_the_table_the_verdict_and_the_next_command(trained, tmp_path):
    lines = trained.stdout.splitlines()
    assert [line[:17].strip() for line in lines[2:7]] == [
        "encoder",
        "truncation",
        "PCA",
        "softened PCA",
        "random projection",
    ]
    assert "PCA" in lines[8]
    assert "interval" in lines[8]
    assert "next: lg-export runs/mine --quantize int8" in trained.stderr
    assert RunFolder(tmp_path / "runs" / "mine").read_config(VectorRunConfig).encoder.dim == 8


def test_export_takes_the_latest_run_and_names_the_next_command(trained, run_command, tmp_path):
    done = run_command("lg-export", "--quantize", "fp16")
    assert done.stdout == "runs/mine/mine.float16.onnx\n"
    assert "next: lg-run compress mine.npy --model runs/mine/mine.float16.onnx" in done.stderr
    document = json.loads(run_command("lg-export", "runs/mine", "-o", "m.onnx", "--name", "m", "--json").stdout)
    assert document["parity"]["max_abs_difference"] <= 1e-5
    assert (tmp_path / document["card"]).read_text().startswith("# m\n")


def test_a_second_run_of_the_same_name_gets_a_number_and_json(trained, run_command):
    document = json.loads(run_command("lg-train", "mine.npy", *TINY, "--json").stdout)
    assert document["run"] == "runs/mine-2"
    assert document["fidelity"][0]["method"] == "encoder"
    assert "PCA" in document["verdict"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("mine.npy", *TINY, "--out", "runs/mine"), 2, "runs/mine already holds a run; continue it with --resume, or"),
        (("--resume",), 1, "runs/mine is finished; export it with lg-export runs/mine, or start a new run"),
        (("--resume", "--steps", "7"), 1, "runs/mine was made with steps 20, not 7; resume it without that option"),
        (("other.npy", "--resume"), 1, "runs/mine was made with inputs ('mine.npy',), not ('other.npy',)"),
        (("--resume", "--out", "no"), 1, "no is not a training run (no config.json); make one with lg-train"),
        (("no.npy",), 2, "no.npy does not exist; expected a file of vectors: .npy, .npz"),
        (("mine.npy", "--device", "cuda"), 1, "device 'cuda' was asked for, but torch sees no CUDA GPU"),
        (("mine.npy", "--device", "tpu"), 2, "--device is 'tpu', expected auto, cpu or cuda"),
        (("mine.npy", "--batch", "2"), 2, "--batch is 2, expected 16 or more"),
        (("mine.npy", "--dim", "64"), 2, "width 48 cannot be compressed to 64 dimensions; give --dim 48 or less"),
        (("few.csv",), 1, "60 vectors are too few to train on and hold 10% out"),
        (("mine.npy", "no.npy"), 2, "no.npy does not exist"),
        (("-",), 2, "a run reads its vectors more than once, so standard input (-) cannot be one; name a file"),
        (
            ("mine.npy", "--init", "text-embedding-3-small"),
            2,
            "mine.npy has vectors of width 48, but --init text-embedding-3-small takes width 1536; choose the model",
        ),
    ],
)
def test_errors_are_one_line_with_an_exit_code(trained, run_command, tmp_path, words, code, message):
    import torch

    if "cuda" in words and torch.cuda.is_available():
        pytest.skip("this machine has a CUDA GPU")
    before = sorted(tmp_path.rglob("*"))
    done = run_command("lg-train", *words, code=code)
    assert message in " ".join(done.stderr.split())
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.timeout(250)
@pytest.mark.parametrize("width", [2, 100, 301, 1024, 3072])
def test_vectors_of_any_width_train_export_and_run_without_an_option(run_command, tmp_path, width):
    generator = np.random.default_rng(0)
    basis = generator.standard_normal((min(width, 40), width))
    np.save(tmp_path / "v.npy", (generator.standard_normal((400, len(basis))) @ basis + 0.1).astype(np.float32))
    done = run_command("lg-train", "v.npy", "--steps", "2", "--batch", "16")
    dim = 256 if width > 256 else max(1, width // 2)
    said = f"v.npy has vectors of width {width}: embeddings get {dim} dimensions; choose others with --dim"
    assert (said in done.stderr) == (width <= 256)
    run_command("lg-export", "-o", "m.onnx")
    run_command("lg-run", "compress", "v.npy", "--model", "m.onnx", "-o", "out.npy")
    assert np.load(tmp_path / "out.npy").shape == (400, dim)


def test_a_command_ends_within_its_seconds(run_command, tmp_path):
    np.save(tmp_path / "mine.npy", tiny_vectors(600, seed=1))
    began = time.monotonic()
    words = (*TINY[:-1], "1000000", "--evaluate-every", "100", "--seconds", "20")
    said = run_command("lg-train", "mine.npy", *words).stderr
    assert time.monotonic() - began < 25 or "cannot be shortened: one step is taken" in said
    config = RunFolder(tmp_path / "runs" / "mine").read_config(VectorRunConfig)
    assert config.timed_steps > 1 or "cannot be shortened" in said


def test_export_errors_too(run_command, tmp_path):
    done = run_command("lg-export", code=1)
    assert "error: no training run below" in done.stderr
    (tmp_path / "runs" / "x").mkdir(parents=True)
    done = run_command("lg-export", "runs/x", code=1)
    assert "runs/x is not a training run" in done.stderr


def test_each_kind_has_help_of_its_own_that_needs_no_torch(run_command, tmp_path):
    for name in ("torch", "tensorboard"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not installed')\n")
    light = {"PYTHONPATH": str(tmp_path)}
    vectors = " ".join(run_command("lg-train", "--help", **light).stdout.split())
    text = " ".join(run_command("lg-train", "text", "--help", **light).stdout.split())
    assert "lg-train text corpus.txt --targets teacher.npy" in vectors  # the other kind, by an example
    assert "lg-train vectors.npy --teacher text-embedding-3-small" in text
    assert "--segments" in vectors
    assert "--segments" not in text
    assert "--steps <int> Optimiser steps. [default: 1000]" in vectors
    assert "--steps <int> Optimiser steps. [default: 4000]" in text
    assert "--pieces" not in vectors
    assert run_command("lg-train", "--version", **light).stdout == "lg-train 0.1.0\n"
    for words in (("lg-train",), ("lg-train", "text", "c.txt")):
        done = run_command(*words, code=2, **light)
        assert (
            "error: training needs torch and tensorboard (not installed); install them: pip install torch tensorboard"
            in done.stderr
        )
    assert not (tmp_path / "vectors.npy").exists()


def test_the_default_kind_may_be_named_and_no_kind_takes_anothers_options(trained, run_command):
    assert run_command("lg-train", "vectors", "mine.npy", *TINY, "--json").stdout.startswith("{")
    assert "No such option: --pairs" in run_command("lg-train", "mine.npy", "--pairs", "p.tsv", code=2).stderr
    done = run_command("lg-train", "text", "--resume", "--out", "runs/mine", code=1)
    assert "runs/mine/config.json: a run of kind 'vectors', expected 'text'; use lg-train vectors" in done.stderr
    assert "--threads is 0, expected 1 or more" in run_command("lg-train", "--threads", "0", code=2).stderr


def test_training_loads_no_onnxruntime():
    modules = "linguagen.train.cli, linguagen.train.vectors.loop, linguagen.train.text.loop"
    code = f"import sys, {modules}; print(*[name for name in ('onnxruntime', 'onnx') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_help_is_made_of_the_settings(run_command):
    shown = " ".join(run_command("lg-train", "--help").stdout.split())
    for words in ("Example: lg-train", "--temperature", "Weight of the squared change of all pair cosines", "--resume"):
        assert words in shown
    assert "Example: lg-export" in run_command("lg-export", "--help").stdout
