"""The manifest of a model, for those who need no session of their own."""

from pathlib import Path

from linguagen.models.manifest import Manifest
from linguagen.runtime.compressor import Compressor


def load_manifest(name_or_path: str | Path) -> Manifest:
    """What a shipped model, or a file that lg-export wrote, says about itself.

    Raises:
        UnknownModelError, ModelFileError: as `Compressor.load`.
    """
    return Compressor.load(name_or_path, device="cpu", threads=1).manifest
