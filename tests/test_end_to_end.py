"""The promises of the README, on real vectors."""

import json

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import ndcg_score
from sklearn.preprocessing import normalize

from benchmarks.text_sets import retrieval_sets
from linguagen.runtime import TextEncoder


@pytest.mark.timeout(280)
def test_the_three_commands_typed_in_an_empty_folder(run_command, tmp_path):
    trained = run_command("lg-train", "--steps", "20")
    assert "drew 4000 synthetic vectors like those of text-embedding-3-small" in trained.stderr
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


@pytest.mark.shared
def test_the_shipped_text_model_keeps_what_it_promises(run_command, shared):
    """Spearman on sentences that it was not trained on; docs/results/text.md has the figure."""
    pairs = shared / "text" / "eval" / "stsb" / "stsb-en-test.csv"
    (figure,) = json.loads(run_command("lg-run", "evaluate-text", pairs, "--json").stdout)
    assert figure["pairs"] == 1379
    assert figure["spearman"] == pytest.approx(0.765, abs=0.002)


@pytest.mark.shared
@pytest.mark.timeout(900)  # six commands, half a minute on an idle machine; other tests run beside it
def test_fitted_to_the_documents_it_finds_more_than_tf_idf_fitted_to_them(run_command, shared, tmp_path):
    """nDCG@10 on Cranfield, by the commands of docs/text.md; docs/results/text.md has the figures of more sets."""
    cranfield = retrieval_sets(shared / "text" / "eval")["Cranfield"]
    for name, texts in (("documents", cranfield.documents), ("queries", cranfield.queries)):
        (tmp_path / f"{name}.txt").write_text("".join(f"{text}\n" for text in texts))
    relevant = np.array([[row in answers for row in range(len(cranfield.documents))] for answers in cranfield.relevant])
    fit = ("lg-train", "text", "documents.txt", "--init", "linguagen-en", "--collection", 128, "--out", "fitted")
    run_command(*fit, "--held-out", 0.001)
    run_command("lg-export", "fitted", "--quantize", "int8", "-o", "fitted.onnx")
    scores = {}
    for model in ("linguagen-en", "fitted.onnx"):
        for name in ("documents", "queries"):
            run_command("lg-run", "embed", f"{name}.txt", "--model", model, "-o", f"{name}.npy", "--overwrite")
        found, asked = np.load(tmp_path / "documents.npy"), np.load(tmp_path / "queries.npy")
        scores[model] = ndcg_score(relevant, asked @ found.T, k=10)
    words = TfidfVectorizer(sublinear_tf=True)
    lsa = TruncatedSVD(256, random_state=0).fit(words.fit_transform(cranfield.documents))
    found, asked = (
        normalize(lsa.transform(words.transform(texts))) for texts in (cranfield.documents, cranfield.queries)
    )
    assert scores["fitted.onnx"] > ndcg_score(relevant, asked @ found.T, k=10)
    assert scores["fitted.onnx"] > scores["linguagen-en"] + 0.1


def test_the_shipped_text_model_reads_order_and_unknown_words():
    encoder = TextEncoder.load()
    bites, bitten, same = encoder.embed(["dog bites man", "man bites dog", "a dog is biting a man"])
    assert bites @ bitten < 0.999  # a bag of words has 1; order is a small part (docs/results/text.md, "who acts")
    assert bites @ same > 0.6
    wrong, right, other = encoder.embed(["restaraunt", "restaurant", "photosynthesis"])
    assert wrong @ right > wrong @ other
