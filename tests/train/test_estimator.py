"""The scikit-learn transformer, by scikit-learn's own checks and in its own tools."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas
import pytest
from make_tiny_model import DIM, WIDTH, tiny_vectors
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import linguagen.train
from linguagen.models.errors import MissingExtraError, TrainingError, UnknownModelError, UsageError, VectorError
from linguagen.runtime import Compressor, Expander
from linguagen.train import EmbeddingCompressor

EXPECTED_FAILURES = {
    "check_estimators_dtypes": "one of its rows is all zeros once it is cast to integers, and a row of zeros has no "
    "direction: it is refused, not repaired",
}


@parametrize_with_checks(
    [EmbeddingCompressor(2, init=None, held_out=0)],
    expected_failed_checks=lambda _: EXPECTED_FAILURES,
    xfail_strict=True,
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)  # that of the array API skips itself: scikit-learn has it only behind a setting


@pytest.fixture(scope="module")
def fitted(tiny) -> EmbeddingCompressor:
    """A fit of 600 tiny vectors that started from the tiny model."""
    return EmbeddingCompressor(DIM, init=tiny["none"], steps=5).fit(tiny_vectors(600, seed=5))


def test_a_fit_reports_what_the_command_does(fitted):
    assert [row.method for row in fitted.report_.fidelity[:3]] == ["encoder", "PCA", "starting model"]
    assert fitted.report_.recall == fitted.report_.fidelity[0].recall > 0.5
    shown = str(fitted.report_)
    assert shown.startswith("method")
    assert shown.endswith(fitted.report_.verdict)
    assert "queries that no fit saw" in fitted.report_.verdict


def test_an_export_is_the_model_and_expands_again(fitted, tmp_path):
    rows = tiny_vectors(100, seed=6)
    path = fitted.export(tmp_path / "mine.onnx", decoder=True)
    compressor, expander = Compressor.load(path), Expander.load(path)
    assert (compressor.manifest.name, compressor.manifest.teacher) == ("mine", "tiny-teacher")
    np.testing.assert_allclose(compressor.compress(rows), fitted.transform(rows), atol=1e-5)
    back = fitted.inverse_transform(fitted.transform(rows))
    np.testing.assert_allclose(expander.expand(compressor.compress(rows)), back, atol=1e-4)
    assert (back * rows).sum(axis=1).mean() > 0.5
    with pytest.raises(UsageError, match=r"mine.onnx exists"):
        fitted.export(path)
    before = path.stat().st_size
    fitted.export(path, quantize="fp16", overwrite=True)
    assert path.stat().st_size < before


@pytest.mark.parametrize("keep", [lambda each, _: pickle.loads(pickle.dumps(each)), "joblib"])
def test_it_pickles_with_what_an_export_needs(fitted, tmp_path, keep):
    if keep == "joblib":
        joblib.dump(fitted, tmp_path / "fitted.joblib")
        again = joblib.load(tmp_path / "fitted.joblib")
    else:
        again = keep(fitted, tmp_path)
    rows = tiny_vectors(20, seed=7)
    np.testing.assert_array_equal(again.transform(rows), fitted.transform(rows))
    assert again.export(tmp_path / "again.onnx").is_file()


def test_training_without_a_model_to_start_from(tmp_path):
    trained = EmbeddingCompressor(DIM, init=None, steps=20).fit(tiny_vectors(400, seed=5))
    assert [row.method for row in trained.report_.fidelity[:3]] == ["encoder", "truncation", "PCA"]
    rows = tiny_vectors(50, seed=6)
    found = Compressor.load(trained.export(tmp_path / "m.onnx")).compress(rows)
    np.testing.assert_allclose(found, trained.transform(rows), atol=1e-5)


def test_a_closed_form_holds_nothing_out_and_is_not_exported(tiny, tmp_path):
    rows = tiny_vectors(60, seed=5)
    own = EmbeddingCompressor(DIM, init=None, held_out=0).fit(rows)
    started = EmbeddingCompressor(DIM, init=tiny["none"], held_out=0).fit(rows)
    assert own.report_ is started.report_ is None
    assert np.abs(own.components_ - started.components_).max() > 0.01
    assert own.score(rows) > 0.5
    with pytest.raises(
        UsageError,
        match=r"held_out is 0, so nothing was measured and no file can be checked; fit again with held_out=0.2",
    ):
        own.export(tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_it_takes_the_place_of_pca_in_a_pipeline_and_a_search():
    rows = tiny_vectors(300, seed=5)
    labels = rows[:, 0] > np.median(rows[:, 0])
    accuracies = []
    for step in (PCA(n_components=DIM), EmbeddingCompressor(n_components=DIM, init=None, held_out=0)):
        accuracies.append(make_pipeline(step, LogisticRegression()).fit(rows, labels).score(rows, labels))
    assert accuracies[1] > accuracies[0] - 0.05
    search = GridSearchCV(EmbeddingCompressor(init=None, held_out=0), {"n_components": [2, DIM]}, cv=3)
    assert search.fit(rows).best_params_ == {"n_components": DIM}  # recall, its own score, grows with the width


def test_names_and_frames_and_columns_of_lists():
    rows = tiny_vectors(60, seed=5)
    frame = pandas.DataFrame(rows, columns=[f"d{number}" for number in range(WIDTH)])
    compressor = EmbeddingCompressor(2, init=None, held_out=0).set_output(transform="pandas").fit(frame)
    found = compressor.transform(frame)
    assert list(found) == list(compressor.get_feature_names_out()) == ["embeddingcompressor0", "embeddingcompressor1"]
    column = pandas.Series(list(rows))
    listed = EmbeddingCompressor(2, init=None, held_out=0).fit(column)
    np.testing.assert_allclose(listed.transform(column), found, atol=1e-6)


def test_what_cannot_be_is_refused_in_words(tiny):
    rows = tiny_vectors(60, seed=5)
    with pytest.raises(VectorError, match="n_components is 256, expected 1 to the n_features = 48 of X"):
        EmbeddingCompressor(init=None).fit(rows)
    with pytest.raises(UnknownModelError, match="no model 'nonsense'"):
        EmbeddingCompressor(DIM, init="nonsense").fit(rows)
    with pytest.raises(TrainingError, match="60 vectors are too few to train on and hold 20% out"):
        EmbeddingCompressor(DIM, init=None).fit(rows)
    with pytest.raises(
        VectorError, match="X has vectors of width 40, but init .*tiny-none.onnx takes width 48; choose"
    ):
        EmbeddingCompressor(DIM, init=tiny["none"], held_out=0).fit(rows[:, :40])
    fitted = EmbeddingCompressor(DIM, init=None, held_out=0).fit(rows)
    with pytest.raises(VectorError, match=r"X has shape \(60, 48\), expected \(rows, 8\)"):
        fitted.inverse_transform(rows)
    with pytest.raises(AttributeError, match=r"module 'linguagen.train' has no attribute 'PCA'"):
        _ = linguagen.train.PCA


def test_a_seed_repeats_a_fit_and_none_does_not():
    rows = tiny_vectors(200, seed=5)
    fits = [
        EmbeddingCompressor(DIM, init=None, steps=3, random_state=state).fit(rows).components_
        for state in (1, 1, None, np.random.RandomState(0))
    ]
    np.testing.assert_array_equal(fits[0], fits[1])
    assert np.abs(fits[0] - fits[2]).max() > 0
    assert np.abs(fits[0] - fits[3]).max() > 0


def test_importing_it_loads_no_torch_and_without_scikit_learn_it_says_what_to_install(monkeypatch):
    code = "import sys; from linguagen.train import EmbeddingCompressor; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
    monkeypatch.delitem(sys.modules, "linguagen.train.estimator")
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(MissingExtraError, match=r"needs scikit-learn .*; install it: pip install scikit-learn"):
        _ = linguagen.train.EmbeddingCompressor
