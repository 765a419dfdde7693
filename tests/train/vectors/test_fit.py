"""Fitting one corpus with --init."""

import json

import numpy as np
import pytest
from make_tiny_model import WIDTH, statistics_of, tiny_vectors

from linguagen.models.errors import ModelFileError, TrainingError, UsageError
from linguagen.runtime.measure.controls import project, softened_pca
from linguagen.runtime.measure.fidelity import nearest_neighbours, recall_per_row
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.vectors import choice as choice_module
from linguagen.train.vectors import fit as fit_module
from linguagen.train.vectors.choice import SHARES, Trial, best_recipe, choose_recipe
from linguagen.train.vectors.config import VectorRunConfig
from linguagen.train.vectors.data import open_corpus
from linguagen.train.vectors.finished import load_finished
from linguagen.train.vectors.fit import fit_corpus
from linguagen.train.vectors.model_file import Start, read_start
from linguagen.train.vectors.recipe import KEEP, Fitter, Recipe

ALONE = Processes()
TEACHER = statistics_of(tiny_vectors(3000, seed=50), 8)
START = Start(TEACHER, softened_pca(TEACHER, 8))


def fit(folder, vectors: np.ndarray, start: Start = START, processes: Processes = ALONE, **changes: object):
    folder.mkdir(exist_ok=True)
    np.save(folder / "c.npy", vectors)
    values = {"inputs": (str(folder / "c.npy"),), "init": "tiny", "dim": 8, "steps": 5, **changes}
    config, run = VectorRunConfig.for_fit(values), RunFolder(folder / "run")
    run.write_config(config)
    return fit_corpus(config, run, processes, start=start), json.loads(run.finished.read_text())


def weights(folder) -> np.ndarray:
    """The map (width, dim) of a finished fit."""
    return load_finished(folder / "run").network.skip.weight.detach().numpy().T


def recall(projection: np.ndarray, queries: np.ndarray, documents: np.ndarray) -> float:
    exact = nearest_neighbours(queries, 10, documents)
    found = nearest_neighbours(project(queries, projection), 10, project(documents, projection))
    return float(recall_per_row(exact, found).mean())


def other_topics(rows: int, seed: int) -> np.ndarray:
    """Vectors (rows, WIDTH) that fill six directions nearly alone, which the teacher hardly has."""
    generator = np.random.default_rng(seed)
    vectors = 0.2 * generator.standard_normal((rows, WIDTH))
    vectors[:, 40:46] += generator.standard_normal((rows, 6))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_a_fit_reports_fitted_and_later_documents_and_what_the_weights_are(tmp_path):
    result, summary = fit(tmp_path, tiny_vectors(800, seed=8))
    names = ["encoder", "PCA", "starting model", "truncation"]
    expected = [*names, *(f"{name}, later documents" for name in names)]
    assert [item.row.method for item in (result.model, *result.controls)] == expected
    assert [row["method"] for row in summary["fidelity"]] == expected
    assert (summary["training_rows"], summary["validation_rows"]) == (800, 160)
    assert summary["recipe"]["share"] in (None, *SHARES)
    if not summary["recipe"]["kept"]:
        assert "the weights that are kept are fitted to all 800 vectors, queries too (" in result.verdict
    assert "Intervals are 95 %, over 160 queries that no fit saw." in result.verdict


def test_a_corpus_unlike_its_teacher_gains_and_is_not_harmed_later(tmp_path):
    vectors = other_topics(1200, seed=1)
    corpus, later, queries = vectors[:750], vectors[750:1000], vectors[1000:]
    result, _ = fit(tmp_path, corpus)
    before, after = (
        recall(each, queries, np.concatenate([corpus, later])) for each in (START.projection, weights(tmp_path))
    )
    assert after > before + 0.1
    rows = {item.row.method: item.row.recall for item in (result.model, *result.controls)}
    assert rows["encoder, later documents"] > rows["starting model, later documents"]


@pytest.mark.parametrize("rows", [110, 300])
def test_a_small_corpus_of_the_teachers_own_kind_is_not_harmed_later(tmp_path, rows):
    vectors = tiny_vectors(3000, seed=50)[np.random.default_rng(0).permutation(3000)]
    corpus, later, queries = vectors[:rows], vectors[rows : 2 * rows], vectors[2000:]
    fit(tmp_path, corpus)
    documents = np.concatenate([corpus, later])
    assert recall(weights(tmp_path), queries, documents) >= recall(START.projection, queries, documents) - 0.01


def test_the_weights_depend_on_the_rows_that_were_held_out(tmp_path):
    vectors = other_topics(600, seed=1)
    _, first = fit(tmp_path / "a", vectors)
    queries = load_finished(tmp_path / "a" / "run").validation
    nearest = (queries @ vectors.T).argmax(axis=1)  # the held-out rows, which come back in half precision
    changed = vectors.copy()
    changed[nearest] = other_topics(len(nearest), seed=2)
    _, second = fit(tmp_path / "b", changed)
    assert first["recipe"] == second["recipe"]  # they choose nothing
    assert np.abs(weights(tmp_path / "a") - weights(tmp_path / "b")).max() > 1e-3


def test_the_starting_model_is_kept_where_every_fit_harms_later_documents(tmp_path, monkeypatch):
    monkeypatch.setattr(fit_module, "choose_recipe", lambda *_: (KEEP, {}))
    result, summary = fit(tmp_path, tiny_vectors(300, seed=8))
    assert result.verdict.startswith(
        "The model you started from keeps more of documents that come later than any fit of these vectors: use it as it is."
    )
    assert summary["recipe"]["kept"]
    np.testing.assert_array_equal(weights(tmp_path), START.projection)


def test_no_recipe_that_harms_later_documents_is_best_and_own_pca_comes_next():
    pca, a, b = Recipe(0.0), Recipe(0.1), Recipe(0.9)
    scores = {KEEP: (0.85, 0.85), pca: (0.98, 0.60), a: (0.97, 0.82), b: (0.86, 0.86)}
    assert best_recipe(scores, scores) == b
    assert best_recipe({**scores, b: (0.84, 0.82)}, scores) == KEEP
    assert best_recipe({**scores, a: (0.97, 0.84)}, scores) == a  # two points are allowed
    assert best_recipe({**scores, a: (0.976, 0.85), b: (0.96, 0.90)}, scores) == a  # within half a point of PCA
    assert best_recipe({**scores, a: (0.965, 0.85), b: (0.96, 0.90)}, scores) == a  # nearer to PCA
    assert best_recipe({**scores, a: (0.976, 0.85), b: (0.976, 0.90)}, scores) == b  # of the same, the best mean
    assert best_recipe({**scores, b: (0.86, 0.86)}, [pca, b], few=True) == b  # the most of later ones
    assert best_recipe({**scores, a: (0.97, 0.87)}, scores, few=True) == a  # they must gain two points
    assert best_recipe(scores, [pca, a]) == a


def forty_directions(rows: int, seed: int) -> np.ndarray:
    """Vectors (rows, WIDTH) that fill 40 directions evenly: more than the rows of a small corpus."""
    vectors = np.zeros((rows, WIDTH), np.float32)
    vectors[:, :40] = np.random.default_rng(seed).standard_normal((rows, 40))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


FORTY = statistics_of(forty_directions(4000, seed=9), 40)


@pytest.mark.parametrize(
    ("vectors", "start", "share"),
    [
        (forty_directions(60, seed=1), Start(FORTY, FORTY.eigenvectors[:, :40]), None),
        (other_topics(400, seed=1), START, 0.0),
    ],
    ids=["starting model", "closed form"],
)
def test_training_starts_from_what_serves_later_documents(tmp_path, monkeypatch, vectors, start, share):
    monkeypatch.setattr(choice_module, "SHARES", (0.0,))
    np.save(tmp_path / "c.npy", vectors)
    fitter = Fitter(open_corpus((str(tmp_path / "c.npy"),), tmp_path), start, 0, ALONE.device)
    _, scores = choose_recipe(fitter, np.arange(len(vectors)), 5, lambda _: None)
    assert [recipe.share for recipe in scores if recipe.steps] == [share]


def test_a_fixed_corpus_is_chosen_for_by_fitted_documents_alone(tmp_path, monkeypatch):
    scores = {KEEP: (0.85, 0.85), Recipe(0.0): (0.98, 0.60), Recipe(0.5): (0.90, 0.86)}
    monkeypatch.setattr(choice_module, "SHARES", (0.0, 0.5))
    monkeypatch.setattr(Trial, "score", lambda _self, _fitter, recipe: scores.get(Recipe(recipe.share), (0.0, 0.0)))
    np.save(tmp_path / "c.npy", tiny_vectors(300, seed=1))
    fitter = Fitter(open_corpus((str(tmp_path / "c.npy"),), tmp_path), START, 0, ALONE.device)
    for fixed, share in ((False, 0.5), (True, 0.0)):
        chosen, _ = choose_recipe(fitter, np.arange(300), 5, lambda _: None, fixed)
        assert chosen.share == share


def test_fixed_is_a_word_of_fits_alone():
    with pytest.raises(UsageError, match="--fixed says how a fit is chosen, and this run is none; give --init MODEL"):
        VectorRunConfig.from_flat({"inputs": ("v.npy",), "fixed": True})
    assert VectorRunConfig.for_fit({"inputs": ("v.npy",), "init": "m", "fixed": True}).fixed


def test_a_recipe_reads_as_words():
    assert str(KEEP) == "the map of the starting model"
    assert str(Recipe(0.2, 100)) == "main axes of 80% corpus and 20% teacher, 100 training steps"


def test_a_fit_that_was_interrupted_starts_again_and_ends_the_same(tmp_path):
    vectors = tiny_vectors(300, seed=3)
    fit(tmp_path, vectors)
    first = weights(tmp_path)
    (tmp_path / "run" / "finished.json").unlink()
    config = RunFolder(tmp_path / "run").read_config(VectorRunConfig)
    fit_corpus(config, RunFolder(tmp_path / "run"), ALONE, start=START)
    np.testing.assert_array_equal(weights(tmp_path), first)


def test_several_processes_are_refused(tmp_path):
    with pytest.raises(UsageError, match="2 processes were started, but a fit takes one; leave torchrun out"):
        fit(tmp_path, tiny_vectors(200, seed=3), processes=Processes(count=2))


def test_a_teacher_of_another_width_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="corpus has vectors of width 40, the model to start from takes width 48"):
        fit(tmp_path, tiny_vectors(200, seed=3)[:, :40])


def test_vectors_that_are_all_the_same_are_refused(tmp_path):
    with pytest.raises(TrainingError, match="all 800 training vectors point the same way; give vectors of different"):
        fit(tmp_path, np.tile(tiny_vectors(1, seed=1), (800, 1)))


def test_fewer_distinct_vectors_than_dimensions_still_fit(tmp_path):
    result, _ = fit(tmp_path, tiny_vectors(10, seed=1)[:5].repeat(60, axis=0))
    assert np.isfinite(result.model.row.recall)


def test_a_hundred_vectors_are_enough_and_fewer_are_refused(tmp_path):
    result, _ = fit(tmp_path, tiny_vectors(100, seed=3))
    assert 0 < result.model.row.recall <= 1
    with pytest.raises(TrainingError, match="60 vectors are too few to train on and hold 20% out; at least 100"):
        fit(tmp_path / "few", tiny_vectors(60, seed=3))


@pytest.mark.parametrize("precision", ["none", "fp16", "int8"])
def test_the_linear_map_of_a_model_file_is_its_networks(tiny, precision):
    skip = load_finished(tiny["run"]).network.skip.weight.detach().numpy().T
    start = read_start(str(tiny[precision]), 8)
    np.testing.assert_allclose(start.projection, skip, atol=0.02)
    vectors = tiny_vectors(300, seed=9)
    np.testing.assert_allclose(project(vectors, start.projection), project(vectors, skip), atol=0.02)


def test_a_start_with_fewer_dimensions_keeps_the_main_axes_and_one_with_more_is_refused(tiny):
    vectors = tiny_vectors(300, seed=9)
    queries, documents = vectors[:100], vectors[100:]
    cut, whole = (read_start(str(tiny["none"]), dim).projection for dim in (4, 8))
    assert cut.shape == (WIDTH, 4)
    assert recall(cut, queries, documents) >= recall(whole[:, :4], queries, documents)
    with pytest.raises(UsageError, match="--dim is 9, but .* has 8 dimensions; choose at most so many"):
        read_start(str(tiny["none"]), 9)


def test_a_text_model_is_no_start(tiny_text):
    with pytest.raises(ModelFileError, match="a vector model was expected"):
        read_start(str(tiny_text["int8"]), 8)


def test_the_command_starts_from_a_model_file_and_its_file_says_what_it_is(tmp_path, run_command, tiny):
    np.save(tmp_path / "c.npy", tiny_vectors(600, seed=5))
    done = run_command("lg-train", "c.npy", "--init", tiny["int8"], "--steps", "5")
    lines = done.stdout.splitlines()
    assert [line[:17].strip() for line in lines[2:6]] == ["encoder", "PCA", "starting model", "truncation"]
    assert lines[0].split("  ")[0] == "method"
    assert "docs come later" in lines[0]
    assert len({len(line) for line in lines[:6]}) == 1  # the columns line up
    assert "tensorboard" not in done.stderr
    config = RunFolder(tmp_path / "runs" / "c").read_config(VectorRunConfig)
    assert (config.encoder.dim, config.teacher, config.optimiser.steps, config.held_out) == (8, "tiny-teacher", 5, 0.2)
    assert run_command("lg-export").stdout == "runs/c/c.float32.onnx\n"
    card = (tmp_path / "runs" / "c" / "c.float32.md").read_text()
    assert "120 queries held out of the fits that are measured" in card
    assert "the file's own weights are fitted to all 600 vectors" in card


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--init", "no-model"), "error: no model 'no-model'"),
        (("--batch", "64"), "--batch is no setting of a fit, which is a linear map whose recipe is chosen on held-out"),
        (("--seconds", "5"), "--seconds bounds the steps of a training, and a fit takes few; leave it or --init out"),
    ],
)
def test_what_a_fit_does_not_take_is_refused(tmp_path, run_command, tiny, words, message):
    np.save(tmp_path / "c.npy", tiny_vectors(200, seed=5))
    done = run_command("lg-train", "c.npy", "--init", tiny["int8"], *words, code=2)
    assert message in " ".join(done.stderr.split())


def test_a_fit_is_linear():
    with pytest.raises(UsageError, match="--directions is 'both', but a fit is a linear map; expected 'none'"):
        VectorRunConfig.from_flat({"inputs": ("a",), "init": "tiny"})
