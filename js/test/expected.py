"""What the Python runtime makes of the vectors that the JavaScript tests use, as raw little-endian files.

python js/test/expected.py FOLDER [VECTORS.npy]     # 1,000 real vectors, or drawn ones where none are given
"""

import json
import sys
from itertools import product
from pathlib import Path

import numpy as np

from linguagen.export.c.writer import export_table
from linguagen.models.catalogue import find_model
from linguagen.models.mixture import teacher_mixture
from linguagen.runtime import Compressor, TextEncoder
from linguagen.runtime.codes.codec import KINDS
from linguagen.runtime.writing.sample import draw_vectors

TEXT_MODEL = "linguagen-en"
SCRIPTS = (
    "a man plays a guitar",
    "Ünïcode, ﬁne ligatures and ½",
    "Привет, мир",
    "שלום עולם",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "你好世界",
    "こんにちは",
    "안녕하세요",
    "\U0001f9d1\u200d\U0001f680 \u202etfel",
    "tab\tand\u00a0space",
)
MODELS = ("text-embedding-3-small", "text-embedding-ada-002")


def main(folder: Path, given: str | None) -> None:
    """Write vectors, embeddings and codes of each model, and what its manifest says."""
    folder.mkdir(parents=True, exist_ok=True)
    described = {}
    for name in MODELS:
        compressor = Compressor.load(name, threads=2)
        if given:
            vectors = np.load(Path(given) / name / "dev.npy")[:1000].astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        else:
            vectors = np.concatenate(list(draw_vectors(teacher_mixture(compressor.manifest), 1000, seed=1)))
        embeddings = compressor.compress(vectors)
        vectors.astype("<f4").tofile(folder / f"{name}.vectors")
        embeddings.astype("<f4").tofile(folder / f"{name}.embeddings")
        export_table(find_model(name), "table", folder / f"{name}.lgt")
        for kind, dim in product(KINDS, (256, 64)):
            codec = compressor.codec(kind, dim)
            codes = codec.encode(embeddings)
            codes.tofile(folder / f"{name}.{kind}.{dim}")
            codec.decode(codes).tofile(folder / f"{name}.{kind}.{dim}.decoded")
            codec.search(embeddings[7:8], codes, 5)[1].tofile(folder / f"{name}.{kind}.{dim}.cosines")
        manifest = compressor.manifest
        described[name] = {
            "path": str(find_model(name)),
            "teacher": manifest.teacher,
            "precision": manifest.precision,
            "mean": manifest.embedding_moments.mean[:8].tolist(),
            "covariance": manifest.embedding_moments.covariance[3, :8].tolist(),
        }
    write_texts(folder)
    (folder / "expected.json").write_text(json.dumps(described))


def write_texts(folder: Path) -> None:
    """Write texts in many scripts, their tokens and their embeddings, and the table of the text model."""
    encoder = TextEncoder.load(TEXT_MODEL, threads=2, engine="onnxruntime")
    lines = Path(__file__).with_name("expected.py").read_text("utf-8").splitlines()
    texts = [line for line in (*lines, *SCRIPTS, " ".join(SCRIPTS * 9)) if not encoder.tokenizer.is_empty(line)]
    export_table(find_model(TEXT_MODEL), "table", folder / f"{TEXT_MODEL}.lgt")
    (folder / f"{TEXT_MODEL}.texts.json").write_text(json.dumps(texts))
    (folder / f"{TEXT_MODEL}.tokens.json").write_text(json.dumps(encoder.tokenize(texts)))
    encoder.embed(texts).tofile(folder / f"{TEXT_MODEL}.embeddings")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
