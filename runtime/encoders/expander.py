"""The way back: embeddings in, vectors of the teacher's width out."""

from pathlib import Path
from typing import Any

from linguagen.models.errors import UnknownModelError, UsageError
from linguagen.models.manifests.decoder import DECODER_INPUT, DECODER_OUTPUT, DecoderManifest
from linguagen.models.manifests.vectors import Manifest
from linguagen.models.model_file import decoder_path, read_decoder_file, read_model_file
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.encoders.compressor import trellis_codec
from linguagen.runtime.encoders.engine import Engine, check_engine
from linguagen.runtime.encoders.loaded import RowModel
from linguagen.runtime.encoders.rotation import TransposedRotation
from linguagen.runtime.vectors import Array


class Expander(RowModel):
    """Reconstructs vectors with a model's decoder. Threads can share one; it pickles with its model."""

    def __init__(self, model: Path, device: str, threads: int | None, engine: str = "auto") -> None:
        """Read the decoder of a model file; `load` also finds it by name and starts onnxruntime."""
        check_engine(engine, device, threads)
        self._choice = engine
        encoder = read_model_file(model)
        self.encoder: Manifest = encoder.manifest
        if self.encoder.trellis is not None:  # its graph is a rotation, which is its own way back
            self.manifest, self._engine = _back(self.encoder), TransposedRotation(encoder.data)
            return
        path = decoder_path(model)
        if not path.is_file():
            raise UnknownModelError(
                f"{model.name} has no decoder {path.name} in its folder; write it with lg-export --decoder"
            )
        file = read_decoder_file(path)
        self.manifest = file.manifest
        if self.manifest.encoder_sha256 != self.encoder.file_sha256:
            raise UsageError(
                f"{path}: belongs to another file than {model.name}; export both again: lg-export --decoder"
            )
        ends = [(DECODER_INPUT, self.manifest.input_dim), (DECODER_OUTPUT, self.manifest.output_dim)]
        self._engine = Engine(file.data, str(path), ends, device, threads)

    def _open_c(self) -> Any:
        """Refuse to open a decoder in C.

        Raises:
            UsageError: in any case.
        """
        raise UsageError("engine is 'c', but only onnxruntime runs decoders; leave it out")

    def codec(self, kind: str = "float32") -> Codec:
        """The codec that turns codes into embeddings that can be expanded.

        Raises:
            UsageError: the kind is unknown.
        """
        return Codec.make(kind, self.manifest.input_dim, self.encoder.embedding_moments)

    def byte_codec(self, size: int) -> TrellisCodec:
        """The codec that turns codes of a number of bytes into embeddings that can be expanded.

        Raises:
            UsageError: the model has no such codes, or none of this size.
        """
        return trellis_codec(self.encoder, size)

    def expand(self, embeddings: Any) -> Array:
        """Reconstruct vectors from embeddings; each row by itself.

        Args:
            embeddings: (rows, output_dim of the encoder), float16, float32 or float64, in any form that
                `Compressor.compress` takes; scaled to length 1.

        Returns:
            (rows, input_dim of the encoder) float32, each row of length 1.

        Raises:
            VectorError: the shape, width or type is wrong, or rows are zero or not finite, by number.
        """
        return self._run_checked(embeddings, "embeddings")


def _back(encoder: Manifest) -> DecoderManifest:
    """What a decoder of a model of whole width would say about itself; the model file serves as one."""
    return DecoderManifest(
        name=encoder.name,
        teacher=encoder.teacher,
        input_dim=encoder.output_dim,
        output_dim=encoder.input_dim,
        precision=encoder.precision,
        file_sha256=encoder.file_sha256,
        encoder_sha256=encoder.file_sha256,
        reconstruction=encoder.fidelity[0].reconstruction or 1.0 if encoder.fidelity else 1.0,
        reconstruction_set=encoder.fidelity_set,
    )
