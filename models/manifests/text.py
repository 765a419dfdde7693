"""What a text model's file says about itself, read and written here only."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from linguagen.models.manifests.document import FORMAT_VERSION, read_document, wrong_fields

TEXT_KEY = "linguagen-text"
TOKENIZER_KEY = "linguagen-tokenizer"
"""The SentencePiece model, in base64."""
TOKENS_NAME = "tokens"


@dataclass(frozen=True)
class TextFigure:
    """One figure on texts held out of training."""

    name: str
    encoder: float
    mean_of_table: float
    """The control: the same of the weighted mean of the encoder's own table, which knows no order."""


@dataclass(frozen=True)
class TextManifest:
    """All that a text model's file says about itself."""

    name: str
    pieces: int
    """Rows of the embedding table: pieces that the tokenizer knows."""
    output_dim: int
    precision: str
    """`float32`, `float16` (weights stored in half the bytes) or `int8`."""
    teacher: str
    """The file of vectors that it was trained to follow; empty for training without a teacher."""
    tokenizer_sha256: str
    """Of the SentencePiece model inside the file."""
    sources: str = ""
    """Where the training texts come from, with their licences."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Texts, pairs, settings and seed of the training run."""
    figures: tuple[TextFigure, ...] = ()
    """Measured on texts held out of training."""
    parity: Mapping[str, float] = field(default_factory=dict)
    """What the export gate measured against PyTorch."""
    graph_sha256: str = ""
    """Of every byte of the file but its metadata."""
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """Write the manifest as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str, origin: str) -> "TextManifest":
        """Read what `to_json` wrote.

        Raises:
            ModelFileError: not JSON, of another format version, or with a field missing or unknown.
        """
        document = read_document(text, origin)
        try:
            document["figures"] = tuple(TextFigure(**figure) for figure in document["figures"])
            return cls(**document)
        except (KeyError, TypeError) as error:
            raise wrong_fields(origin, error) from error
