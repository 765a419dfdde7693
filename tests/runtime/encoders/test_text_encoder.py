import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise

import numpy as np
import pytest
import sentencepiece
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from linguagen.models.errors import MissingExtraError, ModelFileError, TextError, UsageError
from linguagen.runtime import Compressor, TextEncoder
from linguagen.runtime.encoders import text_encoder
from linguagen.runtime.encoders.text_encoder import CHUNK_TEXTS, batches_by_length, chunk_bounds
from linguagen.runtime.measure.scores import found_first, spearman
from linguagen.runtime.text import tokenizer as tokenizer_module
from linguagen.runtime.text.tokenizer import Tokenizer, pad, text_parts
from linguagen.train.text.finished import load_finished


@pytest.fixture(scope="module")
def encoder(tiny_text):
    return TextEncoder.load(tiny_text["none"], threads=2, engine="onnxruntime")


def test_embeddings_are_pytorchs(encoder, tiny_text):
    run = load_finished(tiny_text["run"])
    texts = ["The dog bites the man.", "dog", "Man bites dog, they say; the farmer saw it."]
    with torch.no_grad():
        wanted = torch.cat(
            [run.network(torch.from_numpy(pad([each])).long()) for each in run.tokenizer.tokenize(texts)]
        )
    np.testing.assert_allclose(encoder.embed(texts), wanted.numpy(), atol=1e-5)
    np.testing.assert_array_equal(encoder.embed(texts[0])[0], encoder.embed(texts[:1])[0])


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1))
@example("日本語 العربية हिन्दी 🦜")
@example("antidisestablishmentarianismification")
@example("\x00")
@example("a" * 5000)
def test_any_string_has_a_vector_or_is_named_as_empty(encoder, text):
    """Words never seen, scripts never seen: spelt in bytes. Only what is nothing but spaces and the like has no token."""
    if not sentencepiece.SentencePieceProcessor(model_proto=encoder.tokenizer.model).encode(text):
        with pytest.raises(TextError, match="1 of 1 texts are empty, the first is text 0"):
            encoder.embed([text])
        return
    row = encoder.embed([text])[0]
    assert np.isfinite(row).all()
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


def test_batches_order_and_threads_change_nothing(tiny_text, encoder):
    texts = [" ".join(["the dog sees"] * (1 + number % 7)) + f" {number}" for number in range(CHUNK_TEXTS + 50)]
    whole = encoder.embed(texts)
    order = np.random.default_rng(0).permutation(len(texts))
    np.testing.assert_allclose(encoder.embed([texts[n] for n in order]), whole[order], atol=1e-5)
    single = TextEncoder.load(tiny_text["none"], threads=1)
    np.testing.assert_allclose(single.embed(texts[:300]), whole[:300], atol=1e-5)
    with ThreadPoolExecutor(4) as pool:
        for row, one in zip(pool.map(lambda text: encoder.embed(text)[0], texts[:40]), whole, strict=False):
            np.testing.assert_allclose(row, one, atol=1e-5)


def test_an_encoder_pickles_with_its_model(encoder):
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_allclose(again.embed("the dog"), encoder.embed("the dog"), atol=1e-6)


def test_no_texts_are_no_rows(encoder):
    assert encoder.embed([]).shape == (0, 8)


def test_texts_that_cannot_be_are_refused_by_number(encoder, tiny_text):
    with pytest.raises(TextError, match=r"2 of 3 texts are empty, the first is text 1 \(' '\); leave them out"):
        encoder.embed(["a", " ", ""])
    with pytest.raises(TextError, match="text 1 is of type int, expected a string"):
        encoder.embed(["a", 3])
    with pytest.raises(UsageError, match="threads is 0, expected 1 or more"):
        TextEncoder.load(tiny_text["none"], threads=0)


def test_models_of_the_other_kind_are_refused(tiny, tiny_text):
    with pytest.raises(ModelFileError, match="a vector model, but a text model was expected; it takes vectors: use"):
        TextEncoder.load(tiny["none"])
    with pytest.raises(
        ModelFileError, match="a text model, but a vector model was expected; it takes texts: use lg-run embed"
    ):
        Compressor.load(tiny_text["none"])


def test_a_tokenizer_that_is_none_is_refused():
    with pytest.raises(ModelFileError, match=r"m.onnx: its tokenizer cannot be read .*export or copy it again"):
        Tokenizer(b"nonsense", "m.onnx")


def test_without_sentencepiece_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sentencepiece", None)
    with pytest.raises(MissingExtraError, match=r"text models need sentencepiece .*pip install sentencepiece"):
        Tokenizer(b"", "m.onnx")


@settings(max_examples=50)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=300), st.integers(1, 100))
def test_batches_hold_every_text_once_and_little_padding(lengths, most):
    batches = list(batches_by_length(lengths, most))
    assert sorted(number for batch in batches for number in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= most
        longest = max(lengths[number] for number in batch)
        assert len(batch) == 1 or longest * len(batch) <= 2048


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-1, 1)), min_size=3, max_size=40))
def test_spearman_is_scipys(pairs):
    first, second = zip(*pairs, strict=True)
    if len(set(first)) > 1 and len(set(second)) > 1:
        assert spearman(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)
    else:
        assert spearman(first, second) == 0


def test_found_first_counts_the_nearest():
    rows = np.eye(3, dtype=np.float32)
    assert found_first(rows, rows) == 1
    assert found_first(rows, rows[[0, 2, 1]]) == pytest.approx(1 / 3)


def test_parts_of_a_long_text_have_the_tokens_of_the_whole(encoder, root, monkeypatch):
    """Real texts, with code, tables and lists in them."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((root / "docs" / "decisions").glob("*.md"))]
    monkeypatch.setattr(tokenizer_module, "LONG_CHARACTERS", 400)
    for text in [*texts, " spaces   at\n\n the   seams " * 100]:
        windows = list(encoder.tokenizer.windows(text, 100))
        assert {len(window) for window in windows[:-1]} <= {100}
        assert list(chain(*windows)) == encoder.tokenizer.tokenize([text])[0]


@given(st.text(alphabet="ab \n", max_size=60), st.integers(2, 9))
def test_a_text_is_cut_at_spaces_where_it_has_any(text, longest):
    parts = list(text_parts(text, longest))
    assert "".join(parts) == text
    assert all(len(part) <= longest for part in parts)
    for part, after in pairwise(parts):
        assert after[0] in " \n" or (len(part) == longest and not set(part[1:]) & set(" \n"))


def test_a_long_text_is_the_mean_of_its_windows(encoder, monkeypatch):
    monkeypatch.setattr(text_encoder, "WINDOW_TOKENS", 50)
    text = " ".join(f"The dog sees the man {number}." for number in range(60))
    tokens = encoder.tokenizer.tokenize([text])[0]
    rows = [
        len(tokens[n : n + 50]) * encoder._engine.run(pad([tokens[n : n + 50]]))[0] for n in range(0, len(tokens), 50)
    ]
    expected = np.sum(rows, axis=0) / np.linalg.norm(np.sum(rows, axis=0))
    found = encoder.embed(["dog", text, "The cat."])
    np.testing.assert_allclose(found[1], expected, atol=1e-6)
    np.testing.assert_allclose(found[[0, 2]], encoder.embed(["dog", "The cat."]), atol=1e-6)
    monkeypatch.setattr(text_encoder, "LONG_CHARACTERS", 100)
    np.testing.assert_array_equal(encoder.embed(["dog", text, "The cat."]), found)


def test_a_long_text_of_nothing_is_refused_by_number(encoder):
    with pytest.raises(TextError, match="text 3 has 20000 characters and no token; leave it out"):
        encoder.embed(["dog", " " * 20_000], first=2)


def test_chunks_hold_few_characters_and_a_long_text_is_alone():
    assert list(chunk_bounds([], 3, 10)) == []
    assert list(chunk_bounds([1] * 7, 3, 10)) == [(0, 3), (3, 6), (6, 7)]
    assert list(chunk_bounds([6, 4, 1, 20, 1], 3, 10)) == [(0, 2), (2, 3), (3, 4), (4, 5)]
    assert list(chunk_bounds([1, 20_000, 1, 1], 9, 10**6)) == [(0, 1), (1, 2), (2, 4)]


def test_tokens_are_embedded_as_their_texts(encoder):
    long = " ".join(f"The dog sees the man {number}." for number in range(1500))
    texts = ["The dog.", long, "a cat"] * 8
    tokens = encoder.tokenize(texts)
    assert max(map(len, tokens)) > text_encoder.WINDOW_TOKENS
    np.testing.assert_allclose(encoder.embed_tokens(tokens), encoder.embed(texts), atol=1e-5)
    assert encoder.embed_tokens([]).shape == (0, 8)


def test_tokens_that_the_model_does_not_have_are_refused_by_number(encoder):
    most = encoder.tokenizer.pieces - 1
    for wrong, what in ([0, 5], "tokens from 0 to 5"), ([most + 1], f"tokens from {most + 1}"), ([], "no token"):
        with pytest.raises(
            TextError, match=f"text 1 has {what}.*, expected 1 to {most}, as this model's own tokenizer"
        ):
            encoder.embed_tokens([[1, most], wrong])
    with pytest.raises(TextError, match="text 1 has 20000 characters and no token; leave it out"):
        encoder.tokenize(["a", " " * 20_000])
    with pytest.raises(TextError, match="text 1 is of type int, expected a string"):
        encoder.tokenize(["a", 3])
