"""The way back: embeddings in, vectors of the teacher's width out."""

from pathlib import Path
from typing import Any

import numpy.typing as npt

from linguagen.models.errors import UnknownModelError, UsageError
from linguagen.models.manifests.decoder import DECODER_INPUT, DECODER_OUTPUT
from linguagen.models.manifests.vectors import Manifest
from linguagen.models.model_file import decoder_path, read_decoder_file, read_model_file
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.encoders.engine import Engine, check_engine
from linguagen.runtime.encoders.loaded import RowModel
from linguagen.runtime.vectors import Array


class Expander(RowModel):
    """Reconstructs vectors with a model's decoder. Threads can share one; it pickles with its model."""

    def __init__(self, model: Path, device: str, threads: int | None, engine: str = "auto") -> None:
        """Read the decoder next to a model file; `load` also finds it by name and starts onnxruntime."""
        check_engine(engine, device, threads)
        self._choice = engine
        path = decoder_path(model)
        if not path.is_file():
            raise UnknownModelError(
                f"{model.name} has no decoder {path.name} in its folder; write it with lg-export --decoder"
            )
        self.encoder: Manifest = read_model_file(model).manifest
        file = read_decoder_file(path)
        self.manifest = file.manifest
        if self.manifest.encoder_sha256 != self.encoder.graph_sha256:
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

    def expand(self, embeddings: npt.ArrayLike) -> Array:
        """Reconstruct vectors from embeddings; each row by itself.

        Args:
            embeddings: (rows, output_dim of the encoder), float16, float32 or float64; scaled to length 1.

        Returns:
            (rows, input_dim of the encoder) float32, each row of length 1.

        Raises:
            VectorError: the shape, width or type is wrong, or rows are zero or not finite, by number.
        """
        return self._run_checked(embeddings, "embeddings")
