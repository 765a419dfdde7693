"""What a decoder's file says about itself, read and written here only."""

import json
from dataclasses import asdict, dataclass

from linguagen.models.manifests.document import FORMAT_VERSION, read_document, wrong_fields
from linguagen.models.manifests.vectors import INPUT_NAME, OUTPUT_NAME

DECODER_KEY = "linguagen-decoder"
DECODER_INPUT, DECODER_OUTPUT = OUTPUT_NAME, INPUT_NAME


@dataclass(frozen=True)
class DecoderManifest:
    """What a decoder file says about itself: it turns a model's embeddings back into vectors."""

    name: str
    """Of the encoder it belongs to."""
    teacher: str
    input_dim: int
    """Dimensions of an embedding."""
    output_dim: int
    """Numbers of a vector."""
    precision: str
    encoder_sha256: str
    """`graph_sha256` of the encoder's file: a decoder reads the embeddings of that one alone."""
    reconstruction: float
    """Mean cosine between vectors and their reconstructions through both files."""
    reconstruction_set: str
    """Which vectors that was measured on."""
    graph_sha256: str = ""
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """Write as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str, origin: str) -> "DecoderManifest":
        """Read what `to_json` wrote.

        Raises:
            ModelFileError: not JSON, of another format version, or with a field missing or unknown.
        """
        try:
            return cls(**read_document(text, origin))
        except TypeError as error:
            raise wrong_fields(origin, error) from error
