"""What the adapters that wrap another embedder share."""

from pathlib import Path

from linguagen.runtime.encoders.compressor import Compressor


class VectorCompressor:
    """Compresses lists of numbers to lists of numbers, as other frameworks hold vectors."""

    def __init__(self, model: str | Path, dim: int | None, device: str, threads: int | None) -> None:
        """Load a vector model.

        Args:
            model: its name or file.
            dim: leading dimensions to keep; None for all.
            device: as in `Compressor.load`.
            threads: as in `Compressor.load`.

        Raises:
            UsageError: the model has fewer dimensions; other errors as in `Compressor.load`.
        """
        self._compressor = Compressor.load(model, device=device, threads=threads)
        self._codec = self._compressor.codec("float32", dim)

    def compress(self, vectors: list[list[float]]) -> list[list[float]]:
        """Embeddings, each of length 1, of vectors; none of none.

        Raises:
            VectorError: the vectors have another width than the model takes, or are zero or not finite.
        """
        if not vectors:
            return []
        return self._codec.encode(self._compressor.compress(vectors)).tolist()  # type: ignore[no-any-return]
