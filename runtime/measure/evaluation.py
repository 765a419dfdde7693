"""The fidelity of a model, of its controls and of its codes on vectors of the user."""

from collections.abc import Callable, Sequence

import numpy as np

from linguagen.models.errors import UsageError
from linguagen.models.manifests.trellis import LEAST_BYTES
from linguagen.models.manifests.vectors import FidelityRow
from linguagen.runtime.codes.codec import Codec, truncate
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.measure.controls import control_projections, project
from linguagen.runtime.measure.fidelity import FidelitySet, Measured, reconstruction_cosine
from linguagen.runtime.reading.sources import Source
from linguagen.runtime.vectors import CHUNK_ROWS, Array


def evaluate(compressor: Compressor, vectors: Array, neighbours: int, advance: Callable[[int], None]) -> list[Measured]:
    """Measure a model and its controls on the same vectors.

    Args:
        compressor: the model, which comes first in the result.
        vectors: (rows, input_dim), unit length.
        neighbours: the k of recall@k.
        advance: called with 1 after each step: the exact search, the model, every control.

    Raises:
        VectorError: there are too few vectors for this many neighbours.
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
    compressor: Compressor, vectors: Array, neighbours: int, budget: int, whole: Compressor | None = None
) -> list[tuple[Codec | TrellisCodec, FidelityRow]]:
    """Measure every way to write an embedding in at most `budget` bytes, with float queries against codes.

    Args:
        compressor: the model.
        vectors: (rows, input_dim), unit length.
        neighbours: the k of recall@k.
        budget: bytes for one embedding, at most.
        whole: another model of the same teacher, whose codes of any size are measured too; None if there is none.

    Returns:
        Codecs and their figures, the best recall first.

    Raises:
        UsageError: no codec fits the budget.
    """
    fidelity, found = FidelitySet(vectors, neighbours), []
    for model in (compressor, whole):
        if model is None:
            continue
        embeddings = model.compress(vectors)
        for codec in codecs_within(model, budget) if model is compressor else _byte_codecs(model, budget):
            decoded = codec.decode(codec.encode(embeddings))
            measured = fidelity.measure(f"{codec.dim} x {codec.kind}", truncate(embeddings, codec.dim), decoded)
            found.append((codec, measured.row))
    return sorted(found, key=lambda item: -item[1].recall)


def _byte_codecs(compressor: Compressor, budget: int) -> list[TrellisCodec]:
    """The trellis code of a number of bytes, if the model has one of this size."""
    trellis = compressor.manifest.trellis
    fits = trellis is not None and LEAST_BYTES <= budget <= trellis.most_bytes
    return [compressor.byte_codec(budget)] if fits else []


def codecs_within(compressor: Compressor, budget: int) -> Sequence[Codec | TrellisCodec]:
    """For every kind, the widest codec of at most `budget` bytes per embedding, in steps of eight dimensions.

    Signed and unsigned kinds lose the same, so only one of the two is listed.

    Raises:
        UsageError: no codec fits the budget.
    """
    found: list[Codec | TrellisCodec] = list(_byte_codecs(compressor, budget))
    for kind in ("float32", "float16", "int8", "int4", "e8", "ubinary"):
        dim = min(Codec.widest(kind, budget), compressor.manifest.output_dim // 8 * 8)
        if dim:
            found.append(compressor.codec(kind, dim))
    if not found:
        raise UsageError(f"--bytes is {budget}, but the smallest embedding, 8 dimensions of one bit, takes 1 byte")
    return found


def mean_cosine_of_files(vectors: Source, others: Source) -> float:
    """Mean cosine between the rows (rows, width) of two opened files, row by row, in bounded memory.

    Raises:
        UsageError: the files have different numbers of rows.
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
