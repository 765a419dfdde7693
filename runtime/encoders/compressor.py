"""The compressor: vectors in, embeddings out."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from linguagen.models.catalogue import DEFAULT_MODEL, find_model
from linguagen.models.errors import UsageError
from linguagen.models.manifests.vectors import CODES_NAME, INPUT_NAME, OUTPUT_NAME, Manifest
from linguagen.models.model_file import read_model_file
from linguagen.runtime.codes.codec import Codec, Codes
from linguagen.runtime.encoders.engine import Engine
from linguagen.runtime.vectors import Array, check_layout, unit_rows

CHUNK_ROWS = 1024
"""Rows in one onnxruntime call: 512 to 2048 are fastest, and memory stays flat whatever the input's size."""


class Compressor:
    """A model file, loaded. Safe to share between threads; pickles with its model, for worker processes."""

    def __init__(self, path: Path, device: str, threads: int | None) -> None:
        """Read the file and keep an engine for it; `load` starts it too."""
        file = read_model_file(path)
        self.manifest: Manifest = file.manifest
        ends = [(INPUT_NAME, self.manifest.input_dim), (OUTPUT_NAME, self.manifest.output_dim)]
        if self.manifest.codes:
            ends.append((CODES_NAME, self.codec(**self.manifest.codes).columns))
        self._engine = Engine(file.data, str(path), ends, device, threads)

    @classmethod
    def load(
        cls, name_or_path: str | Path = DEFAULT_MODEL, *, device: str = "auto", threads: int | None = None
    ) -> "Compressor":
        """Load a shipped model by name, or a file that lg-export wrote.

        Args:
            name_or_path: a name that `lg-run models` lists, or a path.
            device: `cpu`, `cuda`, or `auto` for CUDA where onnxruntime has it and CPU elsewhere.
            threads: CPU threads for one call; None for the cores this process may use.

        Raises:
            UnknownModelError: no such name and no such file.
            ModelFileError: the file is damaged, or is no LinguaGEN model.
            DeviceError: `cuda` was named and cannot be had.
        """
        compressor = cls(find_model(name_or_path), device, threads)
        compressor._engine.start()
        return compressor

    @property
    def device(self) -> str:
        """Where it runs: `cpu` or `cuda`."""
        return self._engine.device

    def compress(self, vectors: npt.ArrayLike) -> Array:
        """Compress vectors; each row by itself, so batches and order change nothing.

        Args:
            vectors: (rows, input_dim), float16, float32 or float64. Rows that are not of length 1 are scaled to it.

        Returns:
            (rows, output_dim) float32, each row of length 1.

        Raises:
            VectorError: another shape, width or type, or rows that are zero or not finite, by number.
        """
        array = np.asarray(vectors)
        check_layout(array.shape, array.dtype, self.manifest.input_dim, "vectors")
        if 0 < len(array) <= CHUNK_ROWS:
            return self.encode(unit_rows(array, 0, "vectors")[0])
        embeddings = np.empty((len(array), self.manifest.output_dim), dtype=np.float32)
        for start in range(0, len(array), CHUNK_ROWS):
            rows, _ = unit_rows(array[start : start + CHUNK_ROWS], start, "vectors")
            embeddings[start : start + len(rows)] = self.encode(rows)
        return embeddings

    def codec(self, kind: str = "float32", dim: int | None = None) -> Codec:
        """How this model's embeddings are coded in fewer bytes.

        Args:
            kind: `float32`, `float16`, `int8`, `uint8`, `int4`, `e8`, `binary` or `ubinary`.
            dim: leading dimensions to keep; None for all.

        Raises:
            UsageError: no such kind, or a width that does not fit it.
        """
        return Codec.make(kind, dim or self.manifest.output_dim, self.manifest.embedding_moments)

    def encode(self, rows: Array) -> Array:
        """Run the model on rows (rows, input_dim) that are float32, contiguous and of length 1; nothing is checked."""
        return self._engine.run(rows)  # type: ignore[no-any-return]

    def encode_codes(self, rows: Array) -> Codes:
        """The graph's own codes, of a model exported with them, for rows as `encode` takes them.

        Raises:
            UsageError: the model was exported without.
        """
        if not self.manifest.codes:
            raise UsageError(
                f"the model {self.manifest.name} makes no codes in its graph; export it with lg-export --codes KIND, "
                "or use codec(KIND).encode(compress(vectors))"
            )
        return self._engine.run(rows, CODES_NAME)  # type: ignore[no-any-return]
