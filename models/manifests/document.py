"""What all manifests share: fields, JSON text of one format version, and the errors of text that is not."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self

from linguagen.models.errors import ModelFileError
from linguagen.models.manifests.fields import at_least_one, check_types
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.seal import UNSEALED

FORMAT_VERSION = 2
_PRECISIONS = ("float32", "float16", "int8")
_MOST_LEVELS = 16
"""Objects and lists within each other; a manifest of ours has four."""
_MOST_DIGITS = 19


@dataclass(frozen=True, kw_only=True)
class FileManifest:
    """What every kind of model file says about itself."""

    key: ClassVar[str]
    """Key of the manifest in the metadata of the ONNX file."""
    kind: ClassVar[str]
    """What the file is, with its article, for messages."""
    advice: ClassVar[str]
    """What to do with a file of this kind that is given where another is expected."""

    name: str
    """Name of the model; a decoder has its encoder's."""
    teacher: str
    """The embedding model whose vectors this one works on or learnt from; empty if there is none."""
    output_dim: int
    """Numbers in a row of the output."""
    precision: str
    """How weights are stored: `float32`, `float16` (half the bytes) or `int8`."""
    file_sha256: str = UNSEALED
    """The sha256 of the whole file, with zeros in the place of this hash (models/seal.py)."""
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """Write the manifest as JSON text."""
        return json.dumps({item.name: getattr(self, item.name) for item in fields(self)}, default=_part)

    @classmethod
    def from_json(cls, text: str, origin: str) -> Self:
        """Read a manifest.

        Args:
            text: what `to_json` wrote.
            origin: the file it comes from, for messages.

        Raises:
            ModelFileError: not JSON, of another format version, with a field missing or unknown, or with a value of
                another kind or shape than its field has.
        """
        document = _read_document(text, origin)
        try:
            parts = cls._read_parts(document)
            manifest = cls(**document, **parts)
            check_types(manifest)
            manifest._check()
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ModelFileError(
                f"{origin}: the manifest does not have the fields of format version {FORMAT_VERSION} ({error}); "
                "the file was edited or written by another program: export the model again"
            ) from error
        return manifest

    @classmethod
    def _read_parts(cls, document: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG003
        """Take the fields that are objects out of a document, and return them as objects.

        Raises:
            KeyError, TypeError, ValueError: a part is missing or has other fields.
        """
        return {}

    def _check(self) -> None:
        """Check what the types of the fields do not say.

        Raises:
            ValueError: a value does not fit.
        """
        at_least_one(output_dim=self.output_dim)
        if self.precision not in _PRECISIONS:
            raise ValueError(f"precision is {self.precision!r:.40}, expected one of {', '.join(_PRECISIONS)}")


@dataclass(frozen=True, kw_only=True)
class EncoderManifest(FileManifest):
    """What every file that makes embeddings says about itself."""

    embedding_moments: EmbeddingMoments
    """Mean and covariance of the embeddings, by which codes are scaled and files of embeddings recognised."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Data, settings and seed of the training run."""
    parity: Mapping[str, float] = field(default_factory=dict)
    """What the export gate measured against PyTorch."""

    @classmethod
    def _read_parts(cls, document: dict[str, Any]) -> dict[str, Any]:
        """The moments; `document` loses them."""
        return {"embedding_moments": EmbeddingMoments.from_document(document.pop("embedding_moments"))}

    def _check(self) -> None:
        """Check the shapes of the moments too.

        Raises:
            ValueError: they do not fit.
        """
        super()._check()
        self.embedding_moments.check_width(self.output_dim)


def _part(value: Any) -> Any:
    """A part of a manifest as JSON-ready values: by its `to_document`, or field by field."""
    return value.to_document() if hasattr(value, "to_document") else asdict(value)


def _read_document(text: str, origin: str) -> dict[str, Any]:
    """The fields of a manifest of this format version.

    Raises:
        ModelFileError: not JSON, or of another format version.
    """
    try:
        document = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_whole)
        _check_levels(document)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{origin}: the manifest is not JSON ({str(error)[:100]}); export the model again"
        ) from error
    version = document.get("format_version") if isinstance(document, dict) else None
    if version != FORMAT_VERSION:
        raise ModelFileError(
            f"{origin}: model format version {version}, but this linguagen reads version {FORMAT_VERSION}; "
            "install the linguagen that wrote it, or export the model again"
        )
    found: dict[str, Any] = document
    return found


def _check_levels(document: Any) -> None:
    """Refuse values that are nested so deep, or texts so written, that no program of ours writes them.

    Raises:
        ValueError: more than 16 objects and lists within each other, or a text with half a surrogate pair.
    """
    level, values = 0, [document]
    while values:
        if level > _MOST_LEVELS:
            raise ValueError(f"more than {_MOST_LEVELS} objects and lists within each other")
        texts = [each for each in values if isinstance(each, str)]
        for value in texts:
            value.encode()
        inner = [each for each in values if isinstance(each, dict | list)]
        values = [each for value in inner for each in ([*value, *value.values()] if isinstance(value, dict) else value)]
        level += 1


def _finite(text: str) -> float:
    """A number with a fraction or an exponent.

    Raises:
        ValueError: it is NaN or infinite, or too large for a float.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]}, which is not finite")
    return number


def _whole(text: str) -> int:
    """A whole number.

    Raises:
        ValueError: it does not fit into 64 bits.
    """
    if len(text.lstrip("-")) > _MOST_DIGITS or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f"the whole number {text[:20]}, which does not fit into 64 bits")
    return int(text)
