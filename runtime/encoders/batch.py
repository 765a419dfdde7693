"""Compression on many machines: one picklable callable for Ray Data and Spark.

Ray Data, a dict of arrays in and out::

    dataset.map_batches(BatchCompressor("text-embedding-3-small", column="embedding"))

Spark, data frames in and out, or arrays::

    frame.mapInPandas(BatchCompressor(column="embedding").map_pandas, schema)
    predict_batch_udf(lambda: BatchCompressor().predict, return_type=ArrayType(FloatType()), batch_size=1024, ...)
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from linguagen.models.catalogue import DEFAULT_MODEL
from linguagen.models.errors import UsageError
from linguagen.runtime.codes.codec import Codes
from linguagen.runtime.columns import vector_rows
from linguagen.runtime.encoders.compressor import Compressor


class BatchCompressor:
    """Compresses one column of batches; the other columns stay as they are.

    It pickles with its model, so workers need neither a file nor a network. A worker loads onnxruntime when it first
    calls it, with one thread, since each worker is one thread.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        column: str = "embedding",
        output: str | None = None,
        kind: str = "float32",
        dim: int | None = None,
        threads: int = 1,
    ) -> None:
        """Load the model.

        Args:
            model: a shipped model's name or a file that lg-export wrote.
            column: name of the column that holds the vectors.
            output: name of the column for the embeddings; None to replace the vectors.
            kind: how embeddings are written, one of the kinds of `Compressor.codec`.
            dim: leading dimensions to keep; None for all.
            threads: CPU threads of each worker.

        Raises:
            UnknownModelError: no model has this name and no file has this path.
            ModelFileError: the file is damaged, or holds another kind of model.
            UsageError: the kind is unknown, or the width does not fit it.
        """
        self.column, self.output = column, output or column
        self._compressor = Compressor.load(model, device="cpu", threads=threads)
        self._codec = self._compressor.codec(kind, dim)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Compress the column of a batch of named columns.

        Args:
            batch: columns by name; the vectors as (rows, input_dim), or as rows of arrays or lists.

        Returns:
            The same columns, the embeddings as (rows, codec's columns).

        Raises:
            UsageError: the batch has no such column.
            VectorError: the shape, width or type is wrong, or rows are zero or not finite.
        """
        if self.column not in batch:
            raise UsageError(f"the batch has no column {self.column!r}; it has {', '.join(map(str, batch))}")
        return {**batch, self.output: self.predict(batch[self.column])}

    def predict(self, vectors: Any) -> Codes:
        """Compress vectors (rows, input_dim), or rows of arrays or lists, to codes (rows, codec's columns)."""
        array = vector_rows(vectors, "vectors")
        if not len(array):
            return self._codec.encode(np.empty((0, self._compressor.manifest.output_dim), np.float32))
        return self._codec.encode(self._compressor.compress(array))

    def map_pandas(self, frames: Iterable[Any]) -> Iterator[Any]:
        """Yield each data frame with its column compressed, as Spark's `mapInPandas` expects."""
        for frame in frames:
            yield frame.assign(**{self.output: list(self.predict(frame[self.column].to_numpy()))})
