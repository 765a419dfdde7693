"""Compress a file of any size in bounded memory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from linguagen.models.errors import UsageError
from linguagen.runtime.codes import Codec
from linguagen.runtime.compressor import CHUNK_ROWS, Compressor
from linguagen.runtime.formats import NpyWriter, VectorFile
from linguagen.runtime.vectors import unit_rows


@dataclass(frozen=True)
class CompressReport:
    """What was done to a file."""

    rows: int
    scaled_rows: int
    """Rows that were not of length 1 and were scaled to it."""
    bytes_before: int
    bytes_after: int


def default_output(source: Path, codec: Codec) -> Path:
    """`vectors.npy` becomes `vectors.256.npy`, or `vectors.256.int8.npy`, in the same folder."""
    kind = "" if codec.kind == "float32" else f".{codec.kind}"
    return source.with_name(f"{source.stem}.{codec.dim}{kind}.npy")


def compress_file(
    compressor: Compressor, source: VectorFile, output: Path, codec: Codec, advance: Callable[[int], None]
) -> CompressReport:
    """Compress a file, window by window; the output appears only when it is whole.

    Args:
        compressor: the model.
        source: an opened file of (rows, input_dim).
        output: where the .npy file of codes goes, (rows, codec's columns).
        codec: how embeddings are written.
        advance: told the number of rows just finished.

    Raises:
        UsageError: the output is the input.
        VectorError: rows that are zero or not finite.
        VectorFileError: the output cannot be written.
    """
    if output.resolve() == source.path.resolve():
        raise UsageError(f"the output {output} is the input itself; choose another name with -o")
    scaled = 0
    with NpyWriter(output, len(source), codec.columns, codec.dtype) as writer:
        for start, window in source.chunks(CHUNK_ROWS):
            rows, off = unit_rows(window, start, str(source.path))
            writer.write(codec.encode(compressor.encode(rows)))
            scaled += off
            advance(len(rows))
    return CompressReport(len(source), scaled, source.path.stat().st_size, output.stat().st_size)
