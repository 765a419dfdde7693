"""The fidelity table of a model on someone's vectors, controls beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import UsageError, VectorFileError
from linguagen.models.manifest import FidelityRow
from linguagen.runtime.codes import Codec, cut
from linguagen.runtime.compressor import CHUNK_ROWS, Compressor
from linguagen.runtime.controls import control_projections, project
from linguagen.runtime.fidelity import FidelitySet, Measured
from linguagen.runtime.formats import VectorFile
from linguagen.runtime.vectors import Array, Indices, unit_rows


@dataclass(frozen=True, eq=False)
class EvaluationRows:
    """The rows that a table is measured on."""

    vectors: Array  # (rows, width), unit length
    numbers: Indices  # (rows,), which rows of the file they are, rising


def read_rows(source: VectorFile, limit: int, seed: int = 0) -> EvaluationRows:
    """Read a file's rows, or `limit` of them drawn at random where it has more."""
    numbers = np.arange(len(source))
    if len(source) > limit:
        numbers = np.sort(np.random.default_rng(seed).choice(len(source), limit, replace=False))
    mapped, parts = source.mapped(), []
    for start in range(0, len(numbers), CHUNK_ROWS):
        window = numbers[start : start + CHUNK_ROWS]
        rows, _ = unit_rows(mapped[window], window, str(source.path))
        parts.append(rows)
    return EvaluationRows(np.concatenate(parts) if parts else np.empty((0, source.width), np.float32), numbers)


def evaluate(compressor: Compressor, vectors: Array, neighbours: int, advance: Callable[[int], None]) -> list[Measured]:
    """Measure a model and its controls.

    Args:
        compressor: the model, which stands first in the result.
        vectors: (rows, input_dim), unit length.
        neighbours: the k of recall@k.
        advance: told 1 after each step: the exact search, the model, every control.

    Raises:
        VectorError: too few vectors for so many neighbours.
    """
    fidelity = FidelitySet(vectors, neighbours)
    advance(1)
    manifest = compressor.manifest
    measured = [fidelity.measure(f"{manifest.name} ({manifest.precision})", compressor.compress(vectors))]
    advance(1)
    for name, projection in control_projections(manifest.statistics, manifest.output_dim).items():
        measured.append(fidelity.measure(name, project(vectors, projection)))
        advance(1)
    return measured


def evaluate_codes(
    compressor: Compressor, vectors: Array, neighbours: int, budget: int
) -> list[tuple[Codec, FidelityRow]]:
    """The ways to write an embedding in at most `budget` bytes, the best recall first: float queries against codes.

    Args:
        compressor: the model.
        vectors: (rows, input_dim), unit length.
        neighbours: the k of recall@k.
        budget: bytes of one embedding.

    Raises:
        UsageError: the budget is below one byte for each eight dimensions of any width.
    """
    fidelity, embeddings, found = FidelitySet(vectors, neighbours), compressor.compress(vectors), []
    for codec in codecs_within(compressor, budget):
        decoded = codec.decode(codec.encode(embeddings))
        measured = fidelity.measure(f"{codec.dim} x {codec.kind}", cut(embeddings, codec.dim), decoded)
        found.append((codec, measured.row))
    return sorted(found, key=lambda item: -item[1].recall)


def codecs_within(compressor: Compressor, budget: int) -> list[Codec]:
    """For every kind, the widest codec of at most `budget` bytes an embedding, in steps of eight dimensions.

    Signed and unsigned kinds keep the same, so that one of each stands for both.

    Raises:
        UsageError: nothing fits.
    """
    found = []
    for kind in ("float32", "float16", "int8", "int4", "e8", "ubinary"):
        widths = range(8, compressor.manifest.output_dim + 1, 8)
        fitting = [codec for dim in widths if (codec := compressor.codec(kind, dim)).bytes_per_row <= budget]
        found += fitting[-1:]
    if not found:
        raise UsageError(f"--bytes is {budget}, but the smallest embedding, 8 dimensions of one bit, takes 1 byte")
    return found


def read_sources(path: Path, rows: int) -> npt.NDArray[np.integer] | None:
    """The source of every row, from `NAME-source.npy` beside `NAME.npy`; None where there is none.

    Raises:
        VectorFileError: it is there, but not one whole number for each row.
    """
    beside = path.with_name(f"{path.stem}-source.npy")
    if not beside.is_file():
        return None
    try:
        sources = np.load(beside, allow_pickle=False)
    except (ValueError, OSError) as error:
        raise VectorFileError(
            f"{beside}: cannot be read as the sources of {path.name} ({error}); remove or mend it"
        ) from error
    if sources.shape != (rows,) or not np.issubdtype(sources.dtype, np.integer):
        raise VectorFileError(
            f"{beside}: {sources.dtype} of shape {sources.shape}, expected one whole number for each of the "
            f"{rows} rows of {path.name}; remove or mend it"
        )
    return np.asarray(sources)
