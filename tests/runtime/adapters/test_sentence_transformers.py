"""The text model inside sentence-transformers."""

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator

from linguagen.models.errors import TextError
from linguagen.runtime import TextEncoder
from linguagen.runtime.adapters.sentence_transformers import LinguagenModule
from linguagen.runtime.measure.scores import cosines, spearman
from linguagen.runtime.text.lines import read_scored

TEXTS = ["The dog sees the man.", "a cat", "The dog. " * 3000]


@pytest.fixture(scope="module")
def model(tiny_text) -> SentenceTransformer:
    return SentenceTransformer(modules=[LinguagenModule(tiny_text["none"], threads=1)], device="cpu")


def test_it_encodes_as_the_encoder_does(model, tiny_text, tmp_path):
    expected = TextEncoder.load(tiny_text["none"]).embed(TEXTS)
    np.testing.assert_allclose(model.encode(TEXTS, batch_size=2), expected, atol=1e-5)
    assert model.get_embedding_dimension() == 8
    np.testing.assert_allclose(model.encode(["dog"], prompt="The "), model.encode(["The dog"]), atol=1e-6)
    model.save(str(tmp_path / "saved"))
    again = SentenceTransformer(str(tmp_path / "saved"), device="cpu", trust_remote_code=True)
    np.testing.assert_array_equal(again.encode(TEXTS[:2]), model.encode(TEXTS[:2]))
    with pytest.raises(TextError, match="1 of 1 texts are empty"):
        model.encode([""])


def test_its_evaluators_agree_with_ours(model, tiny_text):
    first, second, scores = read_scored(tiny_text["scored"])
    found = EmbeddingSimilarityEvaluator(first, second, scores, main_similarity="cosine")(model)
    encoder = TextEncoder.load(tiny_text["none"])
    expected = spearman(cosines(encoder.embed(first), encoder.embed(second)), scores)
    assert found["spearman_cosine"] == pytest.approx(expected, abs=1e-3)


def test_a_process_of_its_own_gets_the_model(model):
    pool = model.start_multi_process_pool(["cpu"])
    try:
        found = model.encode(TEXTS[:2] * 10, pool=pool, chunk_size=5)
    finally:
        model.stop_multi_process_pool(pool)
    np.testing.assert_allclose(found, model.encode(TEXTS[:2] * 10), atol=1e-6)
