"""A model file, read and checked without running it."""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from linguagen.models.catalogue import find_model
from linguagen.models.errors import ModelFileError
from linguagen.models.manifests.decoder import DecoderManifest
from linguagen.models.manifests.document import FileManifest
from linguagen.models.manifests.text import TOKENIZER_KEY, TextManifest
from linguagen.models.manifests.vectors import Manifest
from linguagen.models.onnx_file import OnnxFile, read_onnx
from linguagen.models.seal import check_seal

M = TypeVar("M", bound=FileManifest)

_KINDS: tuple[type[FileManifest], ...] = (Manifest, DecoderManifest, TextManifest)


@dataclass(frozen=True, eq=False)
class CheckedFile(Generic[M]):
    """The bytes of a model file of any kind, and what they say about themselves."""

    data: bytes
    manifest: M
    operators: tuple[str, ...]
    """Names of the graph's operators: a reduced build of onnxruntime must have them."""


@dataclass(frozen=True, eq=False)
class TextFile(CheckedFile[TextManifest]):
    """The file of a text model, with its tokenizer."""

    tokenizer: bytes
    """A SentencePiece model."""


def read_model_file(path: Path) -> CheckedFile[Manifest]:
    """Read the file of a vector model.

    Raises:
        ModelFileError: cut, edited, of another format version or of another kind.
    """
    return _checked(read_onnx(path), Manifest, path)


def read_decoder_file(path: Path) -> CheckedFile[DecoderManifest]:
    """Read the file of a decoder.

    Raises:
        ModelFileError: cut, edited, of another format version or of another kind.
    """
    return _checked(read_onnx(path), DecoderManifest, path)


def read_text_file(path: Path) -> TextFile:
    """Read the file of a text model.

    Raises:
        ModelFileError: cut, edited, of another format version or of another kind.
    """
    return _text_file(read_onnx(path), path)


def read_encoder_file(path: Path) -> CheckedFile[Manifest] | TextFile:
    """Read the file of a model of any kind; its manifest tells which.

    Raises:
        ModelFileError: cut, edited, of another format version, or the file of a decoder.
    """
    file = read_onnx(path)
    return _text_file(file, path) if TextManifest.key in file.metadata else _checked(file, Manifest, path)


def load_manifest(name_or_path: str | Path) -> Manifest:
    """What a vector model says about itself.

    Args:
        name_or_path: a name that `lg-run models` lists, or the path of a model file.

    Raises:
        UnknownModelError: there is no model of that name, and no such file.
        ModelFileError: the file cannot be used, as `read_model_file` says.
    """
    return read_model_file(find_model(name_or_path)).manifest


def decoder_path(model: Path) -> Path:
    """The path of a model's decoder: NAME.decoder.onnx, next to NAME.onnx."""
    return model.with_name(f"{model.stem}.decoder.onnx")


def _checked(file: OnnxFile, kind: type[M], path: Path) -> CheckedFile[M]:
    """A file whose manifest is of the kind expected, and whose bytes are those that the exporter wrote.

    Raises:
        ModelFileError: another kind, a manifest that cannot be read, or other bytes.
    """
    if kind.key not in file.metadata:
        actual = next((each for each in _KINDS if each.key in file.metadata), None)
        if actual is None:
            raise ModelFileError(f"{path}: an ONNX file without a LinguaGEN manifest; use a file that lg-export wrote")
        raise ModelFileError(f"{path}: {actual.kind}, but {kind.kind} was expected; {actual.advice}")
    manifest = kind.from_json(file.metadata[kind.key], str(path))
    check_seal(file.data, manifest.file_sha256, str(path))
    return CheckedFile(file.data, manifest, file.operators)


def _text_file(file: OnnxFile, path: Path) -> TextFile:
    """A checked file of a text model, its tokenizer decoded too.

    Raises:
        ModelFileError: as for `_checked`, or the tokenizer is not base64.
    """
    checked = _checked(file, TextManifest, path)
    try:
        tokenizer = base64.b64decode(file.metadata.get(TOKENIZER_KEY, ""), validate=True)
    except binascii.Error as error:
        raise ModelFileError(f"{path}: its tokenizer is not base64 ({error}); export or copy it again") from error
    return TextFile(checked.data, checked.manifest, checked.operators, tokenizer)
