"""Embeddings that another model made are refused: by name where the file has one, else by their look."""

import json
from dataclasses import replace

import numpy as np
import pytest

from linguagen.models.catalogue import find_model
from linguagen.models.errors import VectorError
from linguagen.models.mixture import teacher_mixture
from linguagen.models.model_file import load_manifest, read_text_file
from linguagen.runtime import Compressor, TextEncoder
from linguagen.runtime.encoders.tasks import compress_task
from linguagen.runtime.measure.likeness import looks_like_another
from linguagen.runtime.measure.made_by import check_made_by
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.writing.process import process_file
from linguagen.runtime.writing.sample import draw_vectors

VECTOR_MODELS = ("text-embedding-3-small", "text-embedding-ada-002")
TEXTS = {
    "sentences": ["A dog bites a man.", "The weather is fine today.", "She plays the piano in the evening."],
    "words": ["piano", "running", "tax", "blue", "Kraków", "seventeen"],
    "code": ["import os", "def main() -> None:", "for (int i = 0; i < n; i++) {"],
    "German": ["Der Hund beißt den Mann.", "Heute ist das Wetter schön."],
    "Japanese": ["東京", "犬が人を噛む"],
    "numbers": ["3.14159", "2026-11-25", "0x7f"],
    "one text": ["A man is playing a guitar."] * 20,
}


@pytest.fixture(scope="module")
def texts_manifest():
    return read_text_file(find_model("linguagen-en")).manifest


@pytest.fixture(scope="module")
def encoder():
    return TextEncoder.load("linguagen-en", threads=1)


def drawn(model, rows):
    """Embeddings (rows, dim) of vectors drawn from a teacher's statistics."""
    compressor = Compressor.load(model, threads=1)
    return compressor.compress(np.concatenate(list(draw_vectors(teacher_mixture(compressor.manifest), rows, seed=4))))


@pytest.mark.parametrize("kind", TEXTS)
def test_embeddings_of_any_text_are_taken_for_the_text_models_own(encoder, texts_manifest, tmp_path, kind):
    np.save(tmp_path / "o.npy", encoder.embed(TEXTS[kind]))
    check_made_by(open_vectors(tmp_path / "o.npy", 256), texts_manifest)
    np.save(tmp_path / "one.npy", encoder.embed(TEXTS[kind][0]))
    check_made_by(open_vectors(tmp_path / "one.npy", 256), texts_manifest)


@pytest.mark.parametrize("model", [*VECTOR_MODELS, "text-embedding-ada-002-512"])
def test_embeddings_of_an_api_are_not_taken_for_the_text_models(texts_manifest, tmp_path, model):
    np.save(tmp_path / "o.npy", drawn(model, 300)[:, :256])
    with pytest.raises(
        VectorError, match=r"o.npy: its rows look like embeddings of text-embedding-(ada|3).*, not of linguagen-en"
    ):
        check_made_by(open_vectors(tmp_path / "o.npy", 256), texts_manifest)


@pytest.mark.shared
@pytest.mark.parametrize("model", VECTOR_MODELS)
def test_real_embeddings_are_told_apart(shared, encoder, texts_manifest, tmp_path, model):
    vectors = np.load(shared / "vectors" / model / "dev.npy")[:2000].astype(np.float32)
    np.save(tmp_path / "o.npy", Compressor.load(model, threads=1).compress(vectors))
    source, own = open_vectors(tmp_path / "o.npy", 256), load_manifest(model)
    check_made_by(source, own)
    others = [load_manifest(name) for name in VECTOR_MODELS if name != model]
    for other in (texts_manifest, *others):
        with pytest.raises(VectorError, match=f"its rows look like embeddings of {model}.*, not of {other.name}"):
            check_made_by(source, other)
    np.save(tmp_path / "t.npy", encoder.embed(TEXTS["sentences"]))
    with pytest.raises(VectorError, match=f"look like embeddings of linguagen-en, not of {model}"):
        check_made_by(open_vectors(tmp_path / "t.npy", 256), own, "float32")


def test_without_other_models_nothing_is_refused(texts_manifest):
    rows = np.random.default_rng(0).standard_normal((5, 256)).astype(np.float32)
    assert looks_like_another(rows, texts_manifest.embedding_moments, []) is None


@pytest.fixture
def made(tiny, tmp_path):
    """The path of a table of codes that the tiny model made."""

    def make(kind):
        compressor = Compressor.load(tiny["int8"], threads=1)
        task = compress_task(compressor, compressor.codec(kind))
        process_file(task, open_vectors(tiny["vectors"], 48), tmp_path / "o.npz", int)
        return open_vectors(tmp_path / "o.npz", 8)

    return make


def test_the_maker_decides_where_a_file_names_it(tiny, made):
    own, other = load_manifest(tiny["int8"]), load_manifest(tiny["none"])
    source = made("float32")
    check_made_by(source, own)
    check_made_by(source, own, "float32")
    mine, asked = own.file_sha256[:16], other.file_sha256[:16]
    with pytest.raises(
        VectorError,
        match=rf"o.npz: was made by tiny \(sha256 {mine}...\), but the model asked for is tiny \(sha256 {asked}...\); "
        r"use that model \(--model\), or pass --any-model to go on",
    ):
        check_made_by(source, other)
    with pytest.raises(VectorError, match="o.npz: holds 8 x float32, expected int8; pass --from with that kind"):
        check_made_by(source, own, "int8")


def test_embeddings_of_half_precision_are_embeddings_and_no_codes(tiny, made):
    source, own = made("float16"), load_manifest(tiny["int8"])
    for expected in (None, "float32", "float16"):
        check_made_by(source, own, expected)
    with pytest.raises(VectorError, match="holds 8 x float16, expected int4; pass --from with that kind"):
        check_made_by(source, own, "int4")


def test_a_text_model_reads_what_its_teacher_made(tiny, tiny_text, made):
    """A text model that was taught to lie in another model's space searches that model's files."""
    source, own = made("float32"), load_manifest(tiny["int8"])
    taught = read_text_file(tiny_text["int8"]).manifest
    with pytest.raises(VectorError, match="was made by tiny"):
        check_made_by(source, taught)
    space = {"targets": "o.npz", "model": "tiny", "sha256": own.file_sha256}
    check_made_by(source, replace(taught, training={"teacher_space": space}))
    for wrong in ({"sha256": 5}, "text", 7, [own.file_sha256]):
        with pytest.raises(VectorError, match="was made by tiny"):
            check_made_by(source, replace(taught, training={"teacher_space": wrong}))


def test_a_text_model_taught_by_a_plain_file_searches_files_like_it(texts_manifest, tmp_path):
    np.save(tmp_path / "o.npy", drawn("text-embedding-3-small", 300))
    taught = replace(texts_manifest, training={"teacher_space": {"targets": "compressed.npy"}})
    check_made_by(open_vectors(tmp_path / "o.npy", 256), taught)


def test_search_and_expand_name_both_models_and_can_go_on(run_command, tiny, tiny_text, tmp_path):
    run_command("lg-run", "compress", tiny["vectors"], "-m", tiny["int8"], "-o", "o.parquet")
    words = ("lg-run", "search", "dog", "--in", "o.parquet", "-m", tiny_text["int8"])
    error = run_command(*words, code=1).stderr
    assert "o.parquet: was made by tiny (sha256 " in error
    assert "but the model asked for is tiny-text (sha256 " in error
    assert len(json.loads(run_command(*words, "--any-model", "--json").stdout)) == 10
    words = ("lg-run", "expand", "o.parquet", "-m", tiny["none"], "-o", "back.npy")
    assert "o.parquet: was made by tiny (sha256 " in run_command(*words, code=1).stderr
    assert not (tmp_path / "back.npy").exists()
    run_command(*words, "--any-model")
    assert np.load(tmp_path / "back.npy").shape == (600, 48)


def test_the_run_of_a_text_model_records_whose_space_it_was_taught(tiny_text, made, tmp_path):
    from linguagen.train.text.config import TextRunConfig
    from linguagen.train.text.prepare import teacher_space

    sha256 = (
        made("float32")
        and json.loads((tmp_path / "o.npz").read_bytes().rpartition(b"linguagen ")[2].decode("utf-8"))["sha256"]
    )
    config = TextRunConfig.from_flat({"inputs": ("t.txt",), "targets": str(tmp_path / "o.npz"), "dim": 8})
    assert teacher_space(config)["teacher_space"]["sha256"] == sha256
    np.save(tmp_path / "plain.npy", np.ones((2, 8), np.float32))
    config = TextRunConfig.from_flat({"inputs": ("t.txt",), "targets": str(tmp_path / "plain.npy"), "dim": 8})
    assert teacher_space(config) == {"teacher_space": {"targets": "plain.npy"}}
    wide = TextRunConfig.from_flat({"inputs": ("t.txt",), "targets": str(tiny_text["targets"]), "dim": 8})
    assert teacher_space(wide) == {}
    assert teacher_space(TextRunConfig.from_flat({"inputs": ("t.txt",), "dim": 8})) == {}
