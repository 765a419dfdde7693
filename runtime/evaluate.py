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
from linguagen.runtime.fidelity import FidelitySet, Measured, reconstruction_cosine
from linguagen.runtime.formats import VectorFile
from linguagen.runtime.sources import STDIN, Source
from linguagen.runtime.streams import StreamSource
from linguagen.runtime.vectors import Array, Indices, bad_rows, unit_rows


@dataclass(frozen=True, eq=False)
class EvaluationRows:
    """The rows that a table is measured on."""

    vectors: Array  # (rows, width), unit length
    numbers: Indices  # (rows,), which rows of the file they are, rising


def read_rows(source: Source, limit: int, seed: int = 0) -> EvaluationRows:
    """Read a source's rows, or `limit` of them drawn at random where it has more.

    Raises:
        VectorError: a row drawn is zero or not finite.
        VectorFileError: the source is damaged.
    """
    generator = np.random.default_rng(seed)
    if not isinstance(source, VectorFile):
        return _drawn(source, limit, generator)
    numbers = np.arange(len(source))
    if len(source) > limit:
        numbers = np.sort(generator.choice(len(source), limit, replace=False))
    mapped, parts = source.mapped(), []
    for start in range(0, len(numbers), CHUNK_ROWS):
        window = numbers[start : start + CHUNK_ROWS]
        rows, _ = unit_rows(mapped[window], window, source.origin)
        parts.append(rows)
    return EvaluationRows(np.concatenate(parts) if parts else np.empty((0, source.width), np.float32), numbers)


def _drawn(source: StreamSource, limit: int, generator: np.random.Generator) -> EvaluationRows:
    """Rows of a source that can only be read through: each gets a random key, and the lowest keys stay."""
    kept, numbers, keys = np.empty((0, source.width), np.float32), np.empty(0, np.intp), np.empty(0)
    for start, rows in source.chunks(CHUNK_ROWS):
        kept = np.concatenate([kept, rows.astype(np.float32)])
        numbers = np.concatenate([numbers, np.arange(start, start + len(rows))])
        keys = np.concatenate([keys, generator.random(len(rows))])
        if len(keys) > limit:
            lowest = np.sort(np.argpartition(keys, limit)[:limit])
            kept, numbers, keys = kept[lowest], numbers[lowest], keys[lowest]
    return EvaluationRows(unit_rows(kept, numbers, source.origin)[0], numbers)


def spread_rows(source: Source, count: int) -> Array:
    """A few rows spread over a file, or the first of a stream; none of standard input, which is read only once."""
    if isinstance(source, VectorFile):
        numbers = np.linspace(0, len(source) - 1, min(len(source), count)).astype(int).tolist()
        # One row at a time: mapping the whole file would count every page that the kernel reads ahead as ours.
        parts = [source.rows(number, number + 1) for number in numbers]
    else:
        parts = [] if source.path == Path(STDIN) else [next(iter(source.blocks()))[:count]]
    rows = np.concatenate([np.empty((0, source.width)), *parts]).astype(np.float32)
    return np.asarray(rows[~bad_rows(rows)])  # bad rows are refused later, by number


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


def mean_cosine_of_files(vectors: Source, others: Source) -> float:
    """Mean cosine between the rows of two sources of one width, row by row, in bounded memory.

    Raises:
        UsageError: they have different numbers of rows.
    """
    total, rows = 0.0, 0
    for (_, left), (_, right) in zip(vectors.chunks(CHUNK_ROWS), others.chunks(CHUNK_ROWS), strict=False):
        if len(left) != len(right):
            break
        total += reconstruction_cosine(left.astype(np.float32), right.astype(np.float32)) * len(left)
        rows += len(left)
    known = [source.rows_known for source in (vectors, others)]
    if any(count not in (None, rows) for count in known) or not rows:
        raise UsageError(
            f"{vectors.origin} and {others.origin} have {known[0]} and {known[1]} rows; give the same rows"
        )
    return total / rows


def read_sources(path: Path, rows: int | None) -> npt.NDArray[np.integer] | None:
    """The source of every row, from `NAME-source.npy` beside `NAME.npy`; None where there is none.

    Raises:
        VectorFileError: it is there, but not one whole number for each row.
    """
    beside = path.with_name(f"{path.stem}-source.npy")
    if rows is None or not beside.is_file():
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
