"""What the file of a vector model says about itself (docs/model-file.md lists the fields)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from linguagen.models.manifests.document import EncoderManifest
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.manifests.statistics import TeacherStatistics

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
    embedding_moments: EmbeddingMoments
    """Mean and covariance of the embeddings, by which codes are scaled."""
    fidelity: tuple[FidelityRow, ...] = ()
    """The encoder and its controls, measured on vectors held out of training."""
    fidelity_set: str = ""
    """The vectors that `fidelity` was measured on, in words."""
    calibration: Mapping[str, Any] = field(default_factory=dict)
    """How the int8 ranges were set; empty for float files."""
    codes: Mapping[str, Any] = field(default_factory=dict)
    """Kind and dim of the graph's second output `codes`; empty without that output."""

    @classmethod
    def _read_parts(cls, document: dict[str, Any]) -> dict[str, Any]:
        """Statistics, moments and fidelity; `document` loses them."""
        return {
            "statistics": TeacherStatistics.from_document(document.pop("statistics")),
            "embedding_moments": EmbeddingMoments.from_document(document.pop("embedding_moments")),
            "fidelity": tuple(FidelityRow(**row) for row in document.pop("fidelity")),
        }
