"""The manifest: what a model file says about itself, read and written here only.

It is JSON under ``metadata_props["linguagen"]`` of the ONNX file (docs/model-file.md lists the fields).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from linguagen.models.manifests.document import FORMAT_VERSION, read_document, wrong_fields
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.manifests.statistics import TeacherStatistics

METADATA_KEY = "linguagen"
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
    """Mean cosine between a vector and its linear reconstruction; None where there is no decoder."""


@dataclass(frozen=True)
class Manifest:
    """All that a model file says about itself."""

    name: str
    teacher: str
    """The embedding model whose vectors this encoder compresses."""
    input_dim: int
    output_dim: int
    precision: str
    """`float32`, `float16` (weights stored in half the bytes) or `int8`."""
    statistics: TeacherStatistics
    """Mean and second moment of the training vectors."""
    embedding_moments: EmbeddingMoments
    """Mean and covariance of the embeddings, by which codes are scaled."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Rows, sources, settings and seed of the training run."""
    fidelity: tuple[FidelityRow, ...] = ()
    """The encoder beside its controls, on vectors held out of training."""
    fidelity_set: str = ""
    """Which vectors the fidelity figures were measured on."""
    parity: Mapping[str, float] = field(default_factory=dict)
    """What the export gate measured against PyTorch."""
    calibration: Mapping[str, Any] = field(default_factory=dict)
    """How the int8 ranges were set; empty for float files."""
    codes: Mapping[str, Any] = field(default_factory=dict)
    """Kind and dim of the graph's second output `codes`; empty where it has none."""
    graph_sha256: str = ""
    """Of every byte of the file but its metadata."""
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """Write the manifest as JSON text."""
        document = {item.name: getattr(self, item.name) for item in fields(self)}
        document["statistics"] = self.statistics.to_document()
        document["embedding_moments"] = self.embedding_moments.to_document()
        document["fidelity"] = [asdict(row) for row in self.fidelity]
        return json.dumps(document)

    @classmethod
    def from_json(cls, text: str, origin: str) -> "Manifest":
        """Read a manifest.

        Args:
            text: what `to_json` wrote.
            origin: the file it came from, for messages.

        Raises:
            ModelFileError: not JSON, of another format version, or with a field missing or unknown.
        """
        document = read_document(text, origin)
        try:
            document["statistics"] = TeacherStatistics.from_document(document["statistics"])
            document["embedding_moments"] = EmbeddingMoments.from_document(document["embedding_moments"])
            document["fidelity"] = tuple(FidelityRow(**row) for row in document["fidelity"])
            return cls(**document)
        except (KeyError, TypeError, ValueError) as error:
            raise wrong_fields(origin, error) from error
