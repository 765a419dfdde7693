"""Write the manifests of the shipped models again in the current format; their graphs stay as they are, byte by byte.

    python -m recipes.rewrite_manifests

The corpus of the text model is made first if it is missing: the moments of its embeddings are measured on it.
"""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from linguagen.models.catalogue import shipped_models
from linguagen.models.manifests.decoder import DecoderManifest
from linguagen.models.manifests.document import FORMAT_VERSION
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.manifests.text import TextManifest
from linguagen.models.manifests.vectors import Manifest
from linguagen.models.model_file import decoder_path
from linguagen.models.seal import UNSEALED, seal
from linguagen.runtime import TextEncoder
from recipes import text_corpus
from recipes.commands import SHARED
from recipes.text_models import CORPUS, SHIPPED

_EVERY = 17
"""One text of so many of the corpus is measured: 20,000 of them."""
_REMOVED = ("graph_sha256", "tokenizer_sha256")


def main() -> None:
    """Rewrite the vector models, their decoders and the text model."""
    for path in shipped_models().values():
        digest = rewrite(path, Manifest.key, {"codes": None})
        rewrite(decoder_path(path), DecoderManifest.key, {"encoder_sha256": digest})
    width = 256
    start = EmbeddingMoments(np.zeros(width, np.float32), np.eye(width, dtype=np.float32))
    rewrite(SHIPPED, TextManifest.key, {"embedding_moments": start.to_document()})
    rewrite(SHIPPED, TextManifest.key, {"embedding_moments": text_moments().to_document()})


def rewrite(path: Path, key: str, changes: dict[str, Any]) -> str:
    """Change fields of a file's manifest; returns the new hash of the file.

    Args:
        path: the file.
        key: where the manifest stands in the metadata.
        changes: the new values, by field.
    """
    model = onnx.load(path)
    entries = {entry.key: entry.value for entry in model.metadata_props}
    document = {name: value for name, value in json.loads(entries[key]).items() if name not in _REMOVED}
    document |= changes | {"file_sha256": UNSEALED, "format_version": FORMAT_VERSION}
    graph = model.graph.SerializeToString()
    helper.set_model_props(model, entries | {key: json.dumps(document)})
    data, digest = seal(model.SerializeToString())
    if graph not in path.read_bytes() or graph not in data:
        raise RuntimeError(f"{path}: the graph would change; nothing was written")
    path.write_bytes(data)
    print(path, digest)
    return digest


def text_moments() -> EmbeddingMoments:
    """Moments of the text model's embeddings of texts from its corpus."""
    if not CORPUS.exists():
        text_corpus.main(SHARED / "text", CORPUS.parent)
    with CORPUS.open(encoding="utf-8") as file:
        texts = [line.rstrip("\n") for line in islice(file, 0, None, _EVERY)]  # long ones come first
    return EmbeddingMoments.of(TextEncoder.load(SHIPPED).embed(texts))


if __name__ == "__main__":
    main()
