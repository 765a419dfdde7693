"""What the file of a text model says about itself."""

from dataclasses import dataclass
from typing import Any, ClassVar

from linguagen.models.manifests.document import EncoderManifest
from linguagen.models.manifests.fields import at_least_one

TOKENIZER_KEY = "linguagen-tokenizer"
"""Metadata key of the SentencePiece model, which is stored in base64."""
TOKENS_NAME = "tokens"


@dataclass(frozen=True)
class TextFigure:
    """One figure on texts held out of training."""

    name: str
    encoder: float
    mean_of_table: float
    """The figure of the control: the weighted mean of the encoder's own table, which knows no order."""


@dataclass(frozen=True, kw_only=True)
class TextManifest(EncoderManifest):
    """What the file of a text model says about itself."""

    key: ClassVar[str] = "linguagen-text"
    kind: ClassVar[str] = "a text model"
    advice: ClassVar[str] = "it takes texts: use lg-run embed, or TextEncoder"

    pieces: int
    """Rows of the embedding table, one for each piece that the tokenizer knows."""
    sources: str = ""
    """Where the training texts come from, with their licences."""
    figures: tuple[TextFigure, ...] = ()
    """Figures on texts held out of training."""

    @classmethod
    def _read_parts(cls, document: dict[str, Any]) -> dict[str, Any]:
        """The figures and what every encoder has; `document` loses them."""
        figures = tuple(TextFigure(**figure) for figure in document.pop("figures"))
        return super()._read_parts(document) | {"figures": figures}

    def _check(self) -> None:
        """Check the moments and the number of pieces.

        Raises:
            ValueError: they do not fit.
        """
        super()._check()
        at_least_one(pieces=self.pieces)
