"""What the Python runtime makes of the vectors that the JavaScript tests use, as raw little-endian files.

python js/test/expected.py FOLDER [VECTORS.npy]     # 1,000 real vectors, or drawn ones where none are given
"""

import json
import sys
from pathlib import Path

import numpy as np

from linguagen.models.catalogue import find_model
from linguagen.runtime import Compressor
from linguagen.runtime.writing.sample import draw_vectors

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
            vectors = np.concatenate(list(draw_vectors(compressor.manifest.statistics, 1000, seed=1)))
        embeddings = compressor.compress(vectors)
        vectors.astype("<f4").tofile(folder / f"{name}.vectors")
        embeddings.astype("<f4").tofile(folder / f"{name}.embeddings")
        for kind in ("int8", "ubinary"):
            compressor.codec(kind).encode(embeddings).tofile(folder / f"{name}.{kind}")
        manifest = compressor.manifest
        described[name] = {
            "path": str(find_model(name)),
            "teacher": manifest.teacher,
            "precision": manifest.precision,
            "mean": manifest.embedding_moments.mean[:8].tolist(),
            "covariance": manifest.embedding_moments.covariance[3, :8].tolist(),
        }
    (folder / "expected.json").write_text(json.dumps(described))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
