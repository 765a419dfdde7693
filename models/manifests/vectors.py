"""What the file of a vector model says about itself (docs/model-file.md lists the fields)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from linguagen.models.manifests.document import EncoderManifest
from linguagen.models.manifests.fields import at_least_one
from linguagen.models.manifests.statistics import TeacherStatistics
from linguagen.models.manifests.trellis import Trellis

INPUT_NAME = "vectors"
OUTPUT_NAME = "embeddings"
CODES_NAME = "codes"


@dataclass(frozen=True)
class FidelityRow:
    """How well one way of compressing keeps a set of vectors; runtime/measure/fidelity.py defines each figure."""

    method: str
    dim: int
    recall: float
    """Share of each vector's exact nearest neighbours that are still among its nearest."""
    pair_correlation: float
    pair_error: float
    """Mean absolute difference between the cosines of random pairs, before and after."""
    mean_cosine: float
    """Mean cosine of random pairs after compression; far above `mean_cosine_before` means collapse."""
    mean_cosine_before: float
    reconstruction: float | None = None
    """Mean cosine between a vector and its linear reconstruction; None without a decoder."""


@dataclass(frozen=True)
class GraphCodes:
    """Codes that the graph itself makes, as a second output."""

    kind: str
    """The kind of the codes, such as `int8`."""
    dim: int
    """Leading dimensions of an embedding that they keep."""


@dataclass(frozen=True, kw_only=True)
class Manifest(EncoderManifest):
    """What the file of a vector model says about itself."""

    key: ClassVar[str] = "linguagen"
    kind: ClassVar[str] = "a vector model"
    advice: ClassVar[str] = "it takes vectors: use lg-run compress, or Compressor"

    input_dim: int
    """Numbers in a vector of the teacher."""
    statistics: TeacherStatistics
    """Mean and second moment of the training vectors."""
    fidelity: tuple[FidelityRow, ...] = ()
    """The encoder and its controls, measured on vectors held out of training."""
    fidelity_set: str = ""
    """The vectors that `fidelity` was measured on, in words."""
    calibration: Mapping[str, Any] = field(default_factory=dict)
    """How the int8 ranges were set; empty for float files."""
    codes: GraphCodes | None = None
    """The graph's second output `codes`; None without that output."""
    trellis: Trellis | None = None
    """How embeddings are written in any number of bytes; None for a model that has no such codes."""

    @classmethod
    def _read_parts(cls, document: dict[str, Any]) -> dict[str, Any]:
        """Statistics, fidelity, codes, the trellis and what every encoder has; `document` loses them."""
        codes, trellis = document.pop("codes"), document.pop("trellis", None)
        return super()._read_parts(document) | {
            "statistics": TeacherStatistics.from_document(document.pop("statistics")),
            "fidelity": tuple(FidelityRow(**row) for row in document.pop("fidelity")),
            "codes": None if codes is None else GraphCodes(**codes),
            "trellis": None if trellis is None else Trellis.from_document(trellis),
        }

    def _check(self) -> None:
        """Check the sizes, and the shapes of the statistics and of the trellis.

        Raises:
            ValueError: they do not fit.
        """
        super()._check()
        at_least_one(input_dim=self.input_dim)
        self.statistics.check_width(self.input_dim)
        if self.trellis is not None:
            self.trellis.check_width(self.output_dim)
