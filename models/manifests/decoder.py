"""What the file of a decoder says about itself."""

from dataclasses import dataclass
from typing import ClassVar

from linguagen.models.manifests.document import FileManifest
from linguagen.models.manifests.fields import at_least_one
from linguagen.models.manifests.vectors import INPUT_NAME, OUTPUT_NAME

DECODER_INPUT, DECODER_OUTPUT = OUTPUT_NAME, INPUT_NAME


@dataclass(frozen=True, kw_only=True)
class DecoderManifest(FileManifest):
    """What the file of a decoder says about itself; a decoder turns the embeddings of one model back into vectors."""

    key: ClassVar[str] = "linguagen-decoder"
    kind: ClassVar[str] = "a decoder"
    advice: ClassVar[str] = "give the model's own file, next to which lg-run expand finds the decoder"

    input_dim: int
    """Dimensions of an embedding; `output_dim` is the width of a vector."""
    encoder_sha256: str
    """`file_sha256` of the one file whose embeddings the decoder reads."""
    reconstruction: float
    """Mean cosine between vectors and what both files in turn make of them."""
    reconstruction_set: str
    """The vectors that `reconstruction` was measured on, in words."""

    def _check(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: one is below 1.
        """
        super()._check()
        at_least_one(input_dim=self.input_dim)
