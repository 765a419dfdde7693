"""The way back: embeddings in, vectors of the teacher's width out."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from linguagen.models.catalogue import DEFAULT_MODEL, find_model
from linguagen.models.errors import UnknownModelError, UsageError
from linguagen.models.manifests.decoder import DECODER_INPUT, DECODER_OUTPUT
from linguagen.models.manifests.vectors import Manifest
from linguagen.models.model_file import decoder_path, read_decoder_file, read_model_file
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.encoders.compressor import CHUNK_ROWS
from linguagen.runtime.encoders.engine import Engine
from linguagen.runtime.vectors import Array, check_layout, unit_rows


class Expander:
    """A model's decoder, loaded. Safe to share between threads; pickles with its model, for worker processes."""

    def __init__(self, model: Path, device: str, threads: int | None) -> None:
        """Read the decoder that lies beside a model and keep an engine for it; `load` starts it too."""
        path = decoder_path(model)
        if not path.is_file():
            raise UnknownModelError(
                f"{model.name} has no decoder {path.name} beside it; write it with lg-export --decoder"
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

    @classmethod
    def load(
        cls, name_or_path: str | Path = DEFAULT_MODEL, *, device: str = "auto", threads: int | None = None
    ) -> "Expander":
        """Load the decoder of a shipped model, or of a file that lg-export wrote.

        Args:
            name_or_path: the model's name or path, as for `Compressor.load`.
            device: `cpu`, `cuda`, or `auto` for CUDA where onnxruntime has it and CPU elsewhere.
            threads: CPU threads for one call; None for the cores this process may use.

        Raises:
            UnknownModelError: no such model, or it has no decoder.
            UsageError: the decoder is another model's.
            ModelFileError: a file is damaged.
            DeviceError: `cuda` was named and cannot be had.
        """
        expander = cls(find_model(name_or_path), device, threads)
        expander._engine.start()
        return expander

    def codec(self, kind: str = "float32") -> Codec:
        """The codec whose codes `decode` turns into embeddings that can be expanded.

        Raises:
            UsageError: no such kind.
        """
        return Codec.make(kind, self.manifest.input_dim, self.encoder.embedding_moments)

    def expand(self, embeddings: npt.ArrayLike) -> Array:
        """Reconstruct vectors; each row by itself.

        Args:
            embeddings: (rows, output_dim of the model), float16, float32 or float64; scaled to length 1.

        Returns:
            (rows, input_dim of the model) float32, each row of length 1.

        Raises:
            VectorError: another shape, width or type, or rows that are zero or not finite, by number.
        """
        array = np.asarray(embeddings)
        check_layout(array.shape, array.dtype, self.manifest.input_dim, "embeddings")
        vectors = np.empty((len(array), self.manifest.output_dim), dtype=np.float32)
        for start in range(0, len(array), CHUNK_ROWS):
            rows, _ = unit_rows(array[start : start + CHUNK_ROWS], start, "embeddings")
            vectors[start : start + len(rows)] = self.decode(rows)
        return vectors

    def decode(self, rows: Array) -> Array:
        """Run the decoder on rows (rows, dim) that are float32, contiguous and of length 1; nothing is checked."""
        return self._engine.run(rows)  # type: ignore[no-any-return]
