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
from linguagen.runtime.encoders.compressor import Compressor


class BatchCompressor:
    """Compresses one column of batches; the other columns go along.

    It pickles with its model, so that workers need neither file nor network, and starts onnxruntime when it is first
    called there, with one thread, since each worker is one.
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
            column: which column holds the vectors.
            output: which column the embeddings are put into; by default the same.
            kind: how they are written, as `Compressor.codec` takes it.
            dim: leading dimensions to keep; None for all.
            threads: of each worker.

        Raises:
            UnknownModelError, ModelFileError: as `Compressor.load`.
            UsageError: no such kind, or a width that does not fit it.
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
            UsageError: there is no such column.
            VectorError: as `Compressor.compress`.
        """
        if self.column not in batch:
            raise UsageError(f"the batch has no column {self.column!r}; it has {', '.join(map(str, batch))}")
        return {**batch, self.output: self.predict(batch[self.column])}

    def predict(self, vectors: Any) -> Codes:
        """Compress vectors (rows, input_dim), or rows of arrays or lists, to codes (rows, codec's columns)."""
        array = np.asarray(vectors)
        if array.dtype == object:  # rows of arrays, as pandas and Arrow hand them over
            array = np.stack([np.asarray(row, dtype=np.float32) for row in array]) if len(array) else np.empty((0, 0))
        if not len(array):
            return self._codec.encode(np.empty((0, self._compressor.manifest.output_dim), np.float32))
        return self._codec.encode(self._compressor.compress(array))

    def map_pandas(self, frames: Iterable[Any]) -> Iterator[Any]:
        """Compress the column of one data frame after another, as Spark's `mapInPandas` asks."""
        for frame in frames:
            yield frame.assign(**{self.output: list(self.predict(frame[self.column].to_numpy()))})
