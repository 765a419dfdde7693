"""Collapse is caught, and the verdict says what the figures say."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from make_tiny_model import statistics_of, tiny_config, tiny_vectors
from torch import Tensor, nn
from torch.nn import functional as F

from linguagen.models.errors import CollapseError
from linguagen.runtime.measure.controls import control_projections, project
from linguagen.runtime.measure.fidelity import FidelitySet, Measured
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.vectors.cli import report
from linguagen.train.vectors.loop import train
from linguagen.train.vectors.validation import RunResult, has_collapsed, verdict


class CoTrainedTarget(nn.Module):
    """The prototype's objective: a predictor against a target network that is trained with it, the batch reversed."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.target = nn.Linear(width, dim)

    def forward(self, x: Tensor, z: Tensor, reconstruction: Tensor) -> dict[str, Tensor]:
        return {"prediction": 1 - F.cosine_similarity(z, self.target(x.flip(0)), dim=1).mean()}


def test_the_prototypes_objective_collapses_and_is_caught(tmp_path, capsys):
    np.save(tmp_path / "v.npy", tiny_vectors(600, seed=1) + 0.15)  # a mean, as real teachers have
    torch.manual_seed(0)
    config = tiny_config((str(tmp_path / "v.npy"),), steps=400, learning_rate=0.01, weight_decay=0.0)
    folder = RunFolder(tmp_path / "run")
    folder.write_config(config)
    result = train(config, folder, Processes(), objective=CoTrainedTarget(48, 8))
    assert has_collapsed(result.model.row)
    with pytest.raises(
        CollapseError, match=r"the encoder collapsed: random vectors have mean cosine [01]\.\d+ after it"
    ):
        report(folder, result, as_json=False)
    assert CollapseError.exit_code == 1
    assert "WORSE than PCA" in capsys.readouterr().out


def _measured(recall: list[float], **changes: float) -> Measured:
    vectors = tiny_vectors(300, seed=3)
    row = FidelitySet(vectors).measure("PCA", vectors).row
    return Measured(replace(row, recall=float(np.mean(recall)), **changes), np.asarray(recall, np.float32))


@pytest.mark.parametrize(
    ("model", "pca", "words"),
    [
        ([0.9, 0.8] * 50, [0.7, 0.6] * 50, "Better than PCA: recall@10 0.85. against PCA's 0.650, .19"),
        ([0.5, 0.6] * 50, [0.7, 0.8] * 50, "WORSE than PCA: .* Use PCA, or train longer or on more vectors."),
        ([0.9, 0.5] * 50, [0.5, 0.9] * 50, "No better than PCA: recall@10 0.70. .* PCA does as well here."),
    ],
)
def test_the_verdict_follows_the_interval(model, pca, words):
    spread = np.random.default_rng(0).normal(0, 0.02, 100)
    text = verdict(_measured(list(model + spread)), (_measured(pca),))
    assert re.match(words, text), text


def test_only_lost_spread_is_collapse(tiny_vectors):
    row = FidelitySet(tiny_vectors).measure("same", tiny_vectors).row
    before = row.mean_cosine_before
    assert not has_collapsed(row)
    assert not has_collapsed(replace(row, mean_cosine=before - 0.3))
    assert has_collapsed(replace(row, mean_cosine=0.51 + before / 2))
    assert has_collapsed(replace(row, mean_cosine=float("nan")))


@pytest.mark.shared
@pytest.mark.parametrize("teacher", ["text-embedding-3-small", "text-embedding-ada-002"])
def test_no_control_counts_as_collapsed_on_real_vectors(shared, teacher):
    vectors = np.load(shared / "vectors" / teacher / "dev.npy")[:1500].astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    fidelity = FidelitySet(vectors)
    for name, projection in control_projections(statistics_of(vectors, 256), 256).items():
        if name != "truncation":  # ada-002's mean lies in its first dimensions
            assert not has_collapsed(fidelity.measure(name, project(vectors, projection)).row)


def test_a_good_run_reports_json(tmp_path, capsys):
    measured = _measured([0.9, 0.8] * 50)
    report(RunFolder(tmp_path), RunResult(measured, (measured,), "fine"), as_json=True)
    assert '"verdict": "fine"' in capsys.readouterr().out
