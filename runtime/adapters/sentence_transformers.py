"""sentence-transformers: a text model as a module, so that its evaluators, losses and searches run on it."""

import shutil
import sys
from pathlib import Path
from typing import Any, Self

from linguagen.models.catalogue import DEFAULT_TEXT_MODEL, find_model
from linguagen.models.errors import MissingExtraError
from linguagen.runtime.encoders.text_encoder import TextEncoder
from linguagen.runtime.text.tokenizer import PADDING, pad

try:
    from sentence_transformers.base.modules import InputModule
except ImportError as problem:
    raise MissingExtraError.of(
        "this adapter needs sentence-transformers", problem, "sentence-transformers"
    ) from problem

_FILE = "linguagen.onnx"


class LinguagenModule(InputModule):  # type: ignore[misc]
    """A text model as the only module of a SentenceTransformer; it runs in onnxruntime and learns nothing.

    >>> SentenceTransformer(modules=[LinguagenModule("linguagen-en")]).encode(texts)  # doctest: +SKIP
    """

    def __init__(self, model: str | Path = DEFAULT_TEXT_MODEL, *, threads: int | None = None) -> None:
        """Load a text model on the CPU; arguments and errors as in `TextEncoder.load`."""
        super().__init__()
        self._path = find_model(model)
        self.encoder = TextEncoder.load(self._path, device="cpu", threads=threads)

    def preprocess(self, inputs: list[str], prompt: str | None = None, **settings: Any) -> dict[str, Any]:  # noqa: ARG002
        """The tokens of texts, `input_ids` (texts, tokens of the longest); raises TextError for an empty text."""
        tokens = self.encoder.tokenize([f"{prompt or ''}{text}" for text in inputs])
        return {"input_ids": _torch().from_numpy(pad(tokens))}

    def forward(self, features: dict[str, Any], **settings: Any) -> dict[str, Any]:  # noqa: ARG002
        """Add `sentence_embedding` (texts, dim), float32, each row of length 1."""
        rows = features["input_ids"].cpu().numpy()
        embeddings = self.encoder.embed_tokens([row[row != PADDING].tolist() for row in rows])
        features["sentence_embedding"] = _torch().from_numpy(embeddings).to(features["input_ids"].device)
        return features

    def get_embedding_dimension(self) -> int:
        """Dimensions of an embedding."""
        return self.encoder.manifest.output_dim

    @property
    def max_seq_length(self) -> int:
        """A text may have any number of tokens."""
        return sys.maxsize

    def save(self, output_path: str, *_: Any, **__: Any) -> None:
        """Copy the model file into a folder, from which `load` reads it."""
        shutil.copyfile(self._path, Path(output_path) / _FILE)

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **_: Any) -> Self:
        """Read what `save` wrote."""
        return cls(Path(model_name_or_path) / subfolder / _FILE)


def _torch() -> Any:
    """The torch that sentence-transformers has imported: nothing in the runtime imports it by itself."""
    return sys.modules["torch"]
