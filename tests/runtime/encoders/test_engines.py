"""The engine of a compressor: C for a few rows, onnxruntime for many, or the one that was named."""

import pickle
import sys

import numpy as np
import pytest

from linguagen.models.errors import DeviceError, ModelFileError, TextError, UsageError
from linguagen.models.onnx_file import read_initialisers
from linguagen.runtime import Compressor, Expander, TextEncoder
from linguagen.runtime.encoders.text_encoder import WINDOW_TOKENS


@pytest.fixture(scope="module")
def onnxruntime_(tiny) -> Compressor:
    return Compressor.load(tiny["int8"], threads=1, engine="onnxruntime")


@pytest.mark.parametrize("precision", ["none", "int8"])
def test_both_engines_give_the_same_embeddings(library, tiny, tiny_vectors, precision):
    expected = Compressor.load(tiny[precision], threads=1, engine="onnxruntime").compress(tiny_vectors)
    for threads in (1, 3):
        compressor = Compressor.load(tiny[precision], threads=threads, engine="c")
        assert compressor.device == "cpu"
        np.testing.assert_allclose(compressor.compress(tiny_vectors), expected, atol=1e-5)
        assert compressor.compress(tiny_vectors[:0]).shape == (0, 8)
        assert compressor._engine._session is None, "onnxruntime waits until it is used"


def test_auto_takes_c_for_a_row_and_onnxruntime_for_a_batch(library, tiny, tiny_vectors, onnxruntime_):
    auto, c = Compressor.load(tiny["int8"], device="cpu", threads=1), Compressor.load(tiny["int8"], engine="c")
    assert np.array_equal(auto.compress(tiny_vectors), onnxruntime_.compress(tiny_vectors))
    assert "_c" not in vars(auto), "the C library waits until it is used"
    assert np.array_equal(auto.compress(tiny_vectors[:1]), c.compress(tiny_vectors[:1]))
    assert vars(auto)["_c"] is not None


def test_auto_takes_c_for_fewer_rows_of_floats_and_leaves_whole_widths_to_onnxruntime(library, tiny, tiny_vectors):
    auto, onnx = (
        Compressor.load(tiny["none"], device="cpu", threads=1, engine=name) for name in ("auto", "onnxruntime")
    )
    assert np.array_equal(auto.compress(tiny_vectors[:3]), onnx.compress(tiny_vectors[:3]))
    assert "_c" not in vars(auto)
    assert np.array_equal(auto.compress(tiny_vectors[:2]), auto._c.run(tiny_vectors[:2]))
    whole = Compressor.load("text-embedding-3-small-1536", device="cpu", threads=1)
    assert whole.compress(np.eye(1, 1536, dtype=np.float32)).shape == (1, 1536)
    assert "_c" not in vars(whole)


def test_without_the_library_auto_is_onnxruntime_and_c_an_error(no_library, tiny, tiny_vectors, onnxruntime_):
    auto = Compressor.load(tiny["int8"], device="cpu", threads=1)
    assert np.array_equal(auto.compress(tiny_vectors[:1]), onnxruntime_.compress(tiny_vectors[:1]))
    with pytest.raises(
        DeviceError, match="engine 'c' was asked for, but linguagen was installed without its C library"
    ):
        Compressor.load(tiny["int8"], engine="c")


def test_a_worker_without_the_library_is_told_so(library, tiny, tiny_vectors, request):
    data = pickle.dumps(Compressor.load(tiny["int8"], engine="c"))
    assert pickle.loads(data).compress(tiny_vectors[:1]).shape == (1, 8)
    request.getfixturevalue("no_library")
    with pytest.raises(DeviceError, match="installed without its C library"):
        pickle.loads(data).compress(tiny_vectors[:1])


def test_what_c_cannot_read_is_left_to_onnxruntime_unless_c_was_named(library, tiny, tiny_vectors):
    auto = Compressor.load(tiny["fp16"], device="cpu", threads=1)
    assert auto.compress(tiny_vectors[:1]).shape == (1, 8)
    with pytest.raises(ModelFileError, match="weights are float16, but the C library reads float32 and int8"):
        Compressor.load(tiny["fp16"], engine="c")


def test_weights_of_8_bits_are_left_to_onnxruntime_unless_c_was_named(library, tiny, tiny_vectors, monkeypatch):
    """C sums two products in 16 bits, which weights of more than 7 bits overflow."""

    def wider(data: bytes) -> dict[str, np.ndarray]:
        stored = read_initialisers(data)
        stored["linear_weight_int8"] = np.where(stored["linear_weight_int8"] == 64, np.int8(65), 0)
        return stored

    monkeypatch.setattr("linguagen.runtime.c.vector_weights.read_initialisers", wider)
    auto = Compressor.load(tiny["int8"], device="cpu", threads=1)
    assert auto.compress(tiny_vectors[:1]).shape == (1, 8)
    assert auto._c is None
    with pytest.raises(ModelFileError, match="an int8 weight is 65, expected at most 64"):
        Compressor.load(tiny["int8"], engine="c")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"engine": "rust"}, "engine 'rust' is not known; expected one of auto, c, onnxruntime"),
        (
            {"engine": "c", "device": "cuda"},
            "engine 'c' runs on the CPU, but device is 'cuda'; leave one of the two out",
        ),
        ({"engine": "c", "threads": 0}, "threads is 0, expected 1 or more"),
    ],
)
def test_engines_that_cannot_be_are_refused(tiny, words, message):
    with pytest.raises(UsageError, match=message):
        Compressor.load(tiny["int8"], **words)


def test_decoders_say_that_c_does_not_run_them(library, tiny):
    with pytest.raises(UsageError, match="engine is 'c', but only onnxruntime runs decoders; leave it out"):
        Expander.load(tiny["int8"], engine="c")


TEXTS = ["The dog bites the man.", "a cat", "The man bites the dog.", "ünïcode \U0001f9d1 text"]


@pytest.mark.parametrize("precision", ["none", "int8"])
@pytest.mark.parametrize("threads", [1, 3])
def test_both_engines_embed_texts_alike_and_c_needs_no_sentencepiece(
    library, tiny_text, precision, threads, monkeypatch
):
    texts = TEXTS * 20
    expected = TextEncoder.load(tiny_text[precision], threads=1, engine="onnxruntime").embed(texts)
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    encoder = TextEncoder.load(tiny_text[precision], threads=threads, engine="c")
    np.testing.assert_allclose(encoder.embed(texts), expected, atol=1e-5)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(encoder)).embed(TEXTS[0]), expected[:1], atol=1e-5)
    assert encoder.embed([]).shape == (0, 8)
    assert encoder.device == "cpu"
    assert encoder._engine._session is None, "onnxruntime is not needed either"


def test_both_engines_take_tokens_and_c_needs_no_sentencepiece(library, tiny_text, monkeypatch):
    onnx = TextEncoder.load(tiny_text["int8"], threads=1, engine="onnxruntime")
    texts = [*TEXTS * 10, " ".join(TEXTS * 500)]
    tokens, expected = onnx.tokenize(texts), onnx.embed(texts)
    assert len(tokens[-1]) > WINDOW_TOKENS
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    encoder = TextEncoder.load(tiny_text["int8"], threads=2, engine="c")
    assert encoder.tokenize(texts) == tokens
    np.testing.assert_allclose(encoder.embed_tokens(tokens), expected, atol=1e-5)
    assert encoder.embed_tokens([]).shape == (0, 8)
    with pytest.raises(TextError, match=r"1 of 2 texts are empty, the first is text 1 \('  '\); leave them out"):
        encoder.tokenize(["a", "  "])
    with pytest.raises(TextError, match=f"text 1 has tokens from 0 to 3, expected 1 to {encoder.manifest.pieces - 1}"):
        encoder.embed_tokens([[1], [3, 0]])
    assert encoder._engine._session is None


@pytest.mark.parametrize("precision", ["none", "int8"])
def test_a_cache_of_tokens_changes_nothing(library, tiny_text, precision):
    model = TextEncoder.load(tiny_text[precision], threads=1, engine="c")._c._model
    texts = [*TEXTS, "", *TEXTS[::-1]] * 9
    found = {slots: np.zeros((len(texts), 8), np.float32) for slots in (0, 1, 3, 4096)}
    for slots, embeddings in found.items():
        assert model.embed(texts, embeddings, slots) == list(range(4, len(texts), 9))
        assert np.array_equal(embeddings, found[0])
    with pytest.raises(ValueError, match="embeddings has 81 rows, expected 80"):
        model.embed(texts[1:], found[0], 0)
    with pytest.raises(TypeError):
        model.embed([*texts[1:], 3], found[0], 0)


@pytest.mark.parametrize("engine", ["c", "onnxruntime"])
def test_texts_without_a_token_are_refused_by_number(library, tiny_text, engine):
    encoder = TextEncoder.load(tiny_text["int8"], threads=2, engine=engine)
    texts = [*TEXTS * 10, "", *TEXTS, "  \n"]
    with pytest.raises(TextError, match=r"2 of 46 texts are empty, the first is text 41 \(''\); leave them out"):
        encoder.embed(texts, first=1)
    with pytest.raises(TextError, match="text 1 is of type int, expected a string"):
        encoder.embed(["a", 2])


def test_auto_takes_c_for_texts_once_it_pays(library, tiny_text):
    auto = TextEncoder.load(tiny_text["int8"], device="cpu", threads=1)
    onnx, c = (TextEncoder.load(tiny_text["int8"], threads=1, engine=name) for name in ("onnxruntime", "c"))
    for _ in range(8):
        assert np.array_equal(auto.embed(TEXTS), onnx.embed(TEXTS))
    assert "_c" not in vars(auto)
    assert np.array_equal(auto.embed(TEXTS), c.embed(TEXTS))
    assert np.array_equal(auto.embed(TEXTS * 5), onnx.embed(TEXTS * 5)), "a batch"


def test_without_the_library_texts_are_left_to_onnxruntime(no_library, tiny_text):
    auto = TextEncoder.load(tiny_text["int8"], device="cpu", threads=1)
    for _ in range(10):
        assert auto.embed(TEXTS).shape == (4, 8)
    with pytest.raises(DeviceError, match="installed without its C library"):
        TextEncoder.load(tiny_text["int8"], engine="c")
