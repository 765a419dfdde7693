"""The compressor: vectors in, embeddings out."""

from pathlib import Path
from typing import Any

from linguagen.models.catalogue import DEFAULT_MODEL
from linguagen.models.errors import ModelFileError, UsageError
from linguagen.models.manifests.vectors import CODES_NAME, INPUT_NAME, OUTPUT_NAME, GraphCodes, Manifest
from linguagen.models.model_file import read_model_file
from linguagen.runtime.c.vector_engine import VectorEngine
from linguagen.runtime.c.vector_table import vector_table
from linguagen.runtime.c.vector_weights import vector_weights
from linguagen.runtime.codes.codec import Codec, Codes
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.cores import usable_cores
from linguagen.runtime.encoders.engine import Engine, check_engine
from linguagen.runtime.encoders.loaded import RowModel
from linguagen.runtime.vectors import Array

_FEW_ROWS = {"int8": 8, "float32": 2}
"""Up to this many rows, by the precision of a model, C is faster than onnxruntime: see docs/results/c.md."""


class Compressor(RowModel):
    """Compresses vectors with a model file. Threads can share one; it pickles with its model."""

    _engine: Engine

    def __init__(self, path: Path, device: str, threads: int | None, engine: str = "auto") -> None:
        """Read a model file; `load` also finds it by name and starts its engine."""
        check_engine(engine, device, threads)
        file = read_model_file(path)
        self.manifest: Manifest = file.manifest
        ends = [(INPUT_NAME, self.manifest.input_dim), (OUTPUT_NAME, self.manifest.output_dim)]
        if self.manifest.codes:
            ends.append((CODES_NAME, self._graph_codec(self.manifest.codes, path).columns))
        self._engine = Engine(file.data, str(path), ends, "cpu" if engine == "c" else device, threads)
        self._choice, self._file, self._path, self._threads = engine, file, str(path), threads or usable_cores()

    def _open_c(self) -> VectorEngine:
        """Open the model in the C library; errors as in `vector_weights`."""
        return VectorEngine(vector_table(vector_weights(self._file, self._path)), self._threads)

    def _takes_c(self, rows: int) -> bool:
        """Whether the C library is to run the model on some rows: those few for which it is faster, or all."""
        if self._choice != "auto" or self.device != "cpu":
            return self._choice == "c"
        # A model of whole width has float weights in C, and opening it takes as long as thousands of rows.
        return self.manifest.trellis is None and rows <= _FEW_ROWS.get(self.manifest.precision, 0)

    def run(self, rows: Array) -> Array:
        """Run the model on rows (rows, input_dim) and return (rows, output_dim), without any check.

        Args:
            rows: float32, contiguous, each of length 1.
        """
        if self._takes_c(len(rows)) and self._c is not None:
            return self._c.run(rows)  # type: ignore[no-any-return]
        return super().run(rows)

    def compress(self, vectors: Any) -> Array:
        """Compress vectors; each row by itself, so batches and order change nothing.

        Args:
            vectors: (rows, input_dim), float16, float32 or float64: a numpy array, lists, a torch tensor, an Arrow
                array of lists, or a pandas or polars Series of lists. Rows that are not of length 1 are scaled to it.

        Returns:
            (rows, output_dim) float32, each row of length 1.

        Raises:
            VectorError: the shape, width or type is wrong, or rows are zero or not finite, by number.
        """
        return self._run_checked(vectors, "vectors")

    def codec(self, kind: str = "float32", dim: int | None = None) -> Codec:
        """The codec that writes this model's embeddings in fewer bytes, and reads them again.

        Args:
            kind: `float32`, `float16`, `int8`, `uint8`, `int4`, `e8`, `binary` or `ubinary`.
            dim: leading dimensions to keep; None for all.

        Raises:
            UsageError: the kind is unknown, or the width does not fit it.
        """
        return Codec.make(kind, self.manifest.output_dim if dim is None else dim, self.manifest.embedding_moments)

    def byte_codec(self, size: int) -> TrellisCodec:
        """The codec that writes this model's embeddings in a number of bytes, and reads them again.

        Args:
            size: bytes for one embedding, 8 to 2,048.

        Raises:
            UsageError: the model has no such codes, or none of this size.
        """
        return trellis_codec(self.manifest, size)

    def _graph_codec(self, codes: GraphCodes, path: Path) -> Codec:
        """The codec of the codes that the graph makes.

        Raises:
            ModelFileError: there are no such codes.
        """
        try:
            return self.codec(codes.kind, codes.dim)
        except UsageError as error:
            raise ModelFileError(
                f"{path}: its manifest has codes that do not exist ({error}); export it again"
            ) from error

    def graph_codes(self, rows: Array) -> Codes:
        """Codes (rows, columns) that the graph itself makes, for a model exported with --codes.

        Args:
            rows: (rows, input_dim), float32, contiguous, each of length 1; nothing is checked.

        Raises:
            UsageError: the model was exported without codes.
        """
        if not self.manifest.codes:
            raise UsageError(
                f"the model {self.manifest.name} makes no codes in its graph; export it with lg-export --codes KIND, "
                "or use codec(KIND).encode(compress(vectors))"
            )
        return self._engine.run(rows, CODES_NAME)  # type: ignore[no-any-return]


def trellis_codec(manifest: Manifest, size: int) -> TrellisCodec:
    """The codec of a model for a number of bytes.

    Raises:
        UsageError: the model has no such codes, or none of this size.
    """
    if manifest.trellis is None:
        raise UsageError(
            f"the model {manifest.name} has no codes of {size} bytes; use one that has, such as "
            f"{DEFAULT_MODEL}-1536, or another kind of code, which lg-run compress --help lists"
        )
    return TrellisCodec.make(size, manifest.trellis, manifest.embedding_moments)
