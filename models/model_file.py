"""A model file, read and checked without running it."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path

from linguagen.models.catalogue import find_model
from linguagen.models.errors import ModelFileError
from linguagen.models.manifests.decoder import DECODER_KEY, DecoderManifest
from linguagen.models.manifests.text import TEXT_KEY, TOKENIZER_KEY, TextManifest
from linguagen.models.manifests.vectors import METADATA_KEY, Manifest
from linguagen.models.onnx_file import OnnxFile, read_onnx


@dataclass(frozen=True, eq=False)
class ModelFile:
    """An encoder's bytes and what they say about themselves."""

    data: bytes
    manifest: Manifest
    operators: tuple[str, ...]
    """Of the graph, by name: what a reduced build of onnxruntime must have."""


@dataclass(frozen=True, eq=False)
class DecoderFile:
    """The same of a decoder."""

    data: bytes
    manifest: DecoderManifest


@dataclass(frozen=True, eq=False)
class TextFile:
    """The same of a text encoder, with its tokenizer."""

    data: bytes
    manifest: TextManifest
    tokenizer: bytes
    """A SentencePiece model."""
    operators: tuple[str, ...]


def read_model_file(path: Path) -> ModelFile:
    """Read an encoder's file.

    Raises:
        ModelFileError: cut, edited, of another format version, or no encoder of ours.
    """
    file = read_onnx(path)
    if DECODER_KEY in file.metadata:
        raise ModelFileError(f"{path}: a decoder, which lg-run expand finds by itself; give the model's own file")
    if TEXT_KEY in file.metadata:
        raise ModelFileError(f"{path}: a text model, which takes texts, not vectors; use lg-run embed, or TextEncoder")
    if METADATA_KEY not in file.metadata:
        raise ModelFileError(f"{path}: an ONNX file without a LinguaGEN manifest; use a file that lg-export wrote")
    manifest = Manifest.from_json(file.metadata[METADATA_KEY], str(path))
    _check_hash(file, manifest.graph_sha256, path)
    return ModelFile(file.data, manifest, file.operators)


def read_decoder_file(path: Path) -> DecoderFile:
    """Read a decoder's file.

    Raises:
        ModelFileError: cut, edited, of another format version, or no decoder of ours.
    """
    file = read_onnx(path)
    if DECODER_KEY not in file.metadata:
        raise ModelFileError(f"{path}: no decoder; write one with lg-export --decoder")
    manifest = DecoderManifest.from_json(file.metadata[DECODER_KEY], str(path))
    _check_hash(file, manifest.graph_sha256, path)
    return DecoderFile(file.data, manifest)


def read_text_file(path: Path) -> TextFile:
    """Read a text encoder's file.

    Raises:
        ModelFileError: cut, edited, of another format version, or no text encoder of ours.
    """
    file = read_onnx(path)
    if TEXT_KEY not in file.metadata or TOKENIZER_KEY not in file.metadata:
        raise ModelFileError(
            f"{path}: no text model; give one that lg-run models lists as text, or that lg-export wrote from a run of "
            "lg-train text"
        )
    manifest = TextManifest.from_json(file.metadata[TEXT_KEY], str(path))
    _check_hash(file, manifest.graph_sha256, path)
    tokenizer = _tokenizer(file, manifest, path)
    return TextFile(file.data, manifest, tokenizer, file.operators)


def _tokenizer(file: OnnxFile, manifest: TextManifest, path: Path) -> bytes:
    try:
        model = base64.b64decode(file.metadata[TOKENIZER_KEY], validate=True)
    except binascii.Error as error:
        raise ModelFileError(f"{path}: its tokenizer is not base64 ({error}); export or copy it again") from error
    found = hashlib.sha256(model).hexdigest()
    if found != manifest.tokenizer_sha256:
        raise ModelFileError(
            f"{path}: its tokenizer has the sha256 {found[:16]}..., its manifest says "
            f"{manifest.tokenizer_sha256[:16]}...; the file was edited or damaged: export or copy it again"
        )
    return model


def is_text_file(path: Path) -> bool:
    """True for a text encoder's file, which `read_text_file` reads, by its metadata.

    Raises:
        ModelFileError: cut, or no file that an exporter of ours writes.
    """
    return TEXT_KEY in read_onnx(path).metadata


def load_manifest(name_or_path: str | Path) -> Manifest:
    """What a shipped model, or a file that lg-export wrote, says about itself.

    Raises:
        UnknownModelError: no such name and no such file.
        ModelFileError: as `read_model_file`.
    """
    return read_model_file(find_model(name_or_path)).manifest


def decoder_path(model: Path) -> Path:
    """Where a model's decoder lies: NAME.decoder.onnx beside NAME.onnx."""
    return model.with_name(f"{model.stem}.decoder.onnx")


def _check_hash(file: OnnxFile, expected: str, path: Path) -> None:
    if file.graph_sha256 != expected:
        raise ModelFileError(
            f"{path}: its graph has the sha256 {file.graph_sha256[:16]}..., its manifest says "
            f"{expected[:16] or 'none'}...; the file was edited or damaged: export or copy it again"
        )
