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
from linguagen.models.manifests.tagger import TaggerManifest
from linguagen.models.manifests.text import TOKENIZER_KEY, TextManifest
from linguagen.models.manifests.vectors import Manifest
from linguagen.models.onnx_file import OnnxFile, read_onnx
from linguagen.models.seal import check_seal

M = TypeVar("M", bound=FileManifest)

_KINDS: tuple[type[FileManifest], ...] = (Manifest, DecoderManifest, TextManifest, TaggerManifest)


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


@dataclass(frozen=True, eq=False)
class TaggerFile(CheckedFile[TaggerManifest]):
    """The file of a tagger, with its tokenizer."""

    tokenizer: bytes
    """A SentencePiece model; empty if the tagger reads no pieces."""


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


def read_tagger_file(path: Path) -> TaggerFile:
    """Read the file of a tagger.

    Raises:
        ModelFileError: cut, edited, of another format version or of another kind.
    """
    return _tagger_file(read_onnx(path), path)


def read_any_file(path: Path) -> CheckedFile[Manifest] | TextFile | TaggerFile:
    """Read the file of an encoder or a tagger; its manifest tells which.

    Raises:
        ModelFileError: cut, edited, of another format version, or the file of a decoder.
    """
    file = read_onnx(path)
    return _tagger_file(file, path) if TaggerManifest.key in file.metadata else _encoder_file(file, path)


def read_encoder_file(path: Path) -> CheckedFile[Manifest] | TextFile:
    """Read the file of a model that makes embeddings; its manifest tells its kind.

    Raises:
        ModelFileError: cut, edited, of another format version, or the file of a decoder or tagger.
    """
    return _encoder_file(read_onnx(path), path)


def _encoder_file(file: OnnxFile, path: Path) -> CheckedFile[Manifest] | TextFile:
    """A checked file of a model that makes embeddings; errors as in `read_encoder_file`."""
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
    return TextFile(checked.data, checked.manifest, checked.operators, _tokenizer(file, path))


def _tagger_file(file: OnnxFile, path: Path) -> TaggerFile:
    """Like `_text_file`, but for a tagger."""
    checked = _checked(file, TaggerManifest, path)
    return TaggerFile(checked.data, checked.manifest, checked.operators, _tokenizer(file, path))


def tokenizer_metadata(tokenizer: bytes) -> dict[str, str]:
    """The metadata of an ONNX file that holds this SentencePiece model."""
    return {TOKENIZER_KEY: base64.b64encode(tokenizer).decode()}


def _tokenizer(file: OnnxFile, path: Path) -> bytes:
    """The SentencePiece model in a file; empty if there is none.

    Raises:
        ModelFileError: it is not base64.
    """
    try:
        return base64.b64decode(file.metadata.get(TOKENIZER_KEY, ""), validate=True)
    except binascii.Error as error:
        raise ModelFileError(f"{path}: its tokenizer is not base64 ({error}); export or copy it again") from error
