"""The promises of the README, on real vectors."""

import json

import numpy as np
import pytest


@pytest.mark.timeout(280)
def test_the_three_commands_typed_in_an_empty_folder(run_command, tmp_path):
    trained = run_command("lg-train", "--steps", "20")
    assert "drew 4000 synthetic vectors from the mean and spectrum of text-embedding-3-small" in trained.stderr
    assert "PCA" in trained.stdout
    exported = run_command("lg-export", "--quantize", "int8")
    assert exported.stdout == "runs/vectors/vectors.int8.onnx\n"
    assert run_command("lg-run", "compress", "vectors.npy").stdout == "vectors.256.npy\n"
    assert np.load(tmp_path / "vectors.256.npy").shape == (4000, 256)
    run_command("lg-run", "compress", "vectors.npy", "--model", "runs/vectors/vectors.int8.onnx", "-o", "own.npy")
    assert np.load(tmp_path / "own.npy").shape == (4000, 256)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("teacher", "recall", "pair_error"),
    [("text-embedding-3-small", 0.863, 0.025), ("text-embedding-ada-002", 0.872, 0.045)],
)
def test_the_shipped_models_keep_what_they_promise_on_unseen_sources(run_command, shared, teacher, recall, pair_error):
    vectors = shared / "vectors" / teacher / "dev.npy"
    done = run_command("lg-run", "evaluate", vectors, "--model", teacher, "--json")
    assert "warning" not in done.stderr
    rows = {row["method"]: row for row in json.loads(done.stdout)["fidelity"]}
    model = rows.pop(f"{teacher} (int8)")
    assert model["recall"] >= recall
    assert model["pair_error"] <= pair_error
    assert all(model["recall"] > row["recall"] for row in rows.values())
    assert json.loads(done.stdout)["recall_above_pca_95"][0] > 0.005


@pytest.mark.shared
@pytest.mark.parametrize(
    ("model", "other"), [("text-embedding-3-small", "ada-002"), ("text-embedding-ada-002", "3-small")]
)
def test_the_other_teachers_vectors_are_warned_of(run_command, shared, tmp_path, model, other):
    vectors = shared / "vectors" / f"text-embedding-{other}" / "dev.npy"
    for command in (("compress", "-o", "out.npy"), ("evaluate", "--rows", "100")):
        done = run_command("lg-run", command[0], vectors, "--model", model, *command[1:])
        assert f"warning: these vectors do not look like {model}'s" in done.stderr
