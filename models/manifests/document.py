"""What all manifests share: JSON text of one format version, and the errors of text that is not."""

import json
from typing import Any

from linguagen.models.errors import ModelFileError

FORMAT_VERSION = 1


def read_document(text: str, origin: str) -> dict[str, Any]:
    """The fields of a manifest of this format version.

    Raises:
        ModelFileError: not JSON, or of another format version.
    """
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ModelFileError(f"{origin}: the manifest is not JSON ({error}); export the model again") from error
    version = document.get("format_version") if isinstance(document, dict) else None
    if version != FORMAT_VERSION:
        raise ModelFileError(
            f"{origin}: model format version {version}, but this linguagen reads version {FORMAT_VERSION}; "
            "install the linguagen that wrote it, or export the model again"
        )
    found: dict[str, Any] = document
    return found


def wrong_fields(origin: str, error: Exception) -> ModelFileError:
    """The error of a manifest with a field missing or unknown."""
    return ModelFileError(
        f"{origin}: the manifest does not have the fields of format version {FORMAT_VERSION} ({error}); "
        "the file was edited or written by another program: export the model again"
    )
