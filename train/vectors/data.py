"""Training rows: several files as one, mapped, split into training and validation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linguagen.models.errors import TrainingError, VectorFileError
from linguagen.runtime.reading.array_files import VectorFile, open_npy
from linguagen.runtime.reading.origins import read_origins
from linguagen.runtime.reading.sources import open_vectors
from linguagen.runtime.vectors import Array, Indices, unit_rows
from linguagen.runtime.writing.process import Task, process_file

VALIDATION_ROWS = 5000
"""At most so many rows are held out: more would only slow the exact search."""
MOMENT_ROWS = 100_000
"""At most so many rows enter the second moment; beyond this it no longer changes."""
_CHUNK = 2048


@dataclass(frozen=True, eq=False)
class Corpus:
    """Vector files read as one list of rows; nothing is loaded but the rows asked for."""

    files: tuple[VectorFile, ...]

    def __len__(self) -> int:
        return sum(len(file) for file in self.files)

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return self.files[0].width

    def rows(self, numbers: Indices) -> Array:
        """The rows of these numbers (count,) as (count, width) float32 of unit length, in the order asked for.

        Raises:
            VectorError: one of them is zero or not finite.
        """
        found = np.empty((len(numbers), self.width), dtype=np.float32)
        first = 0
        for file in self.files:
            mine = np.flatnonzero((numbers >= first) & (numbers < first + len(file)))
            mine = mine[np.argsort(numbers[mine])]  # read the file forwards
            if len(mine):
                inside = numbers[mine] - first
                found[mine] = unit_rows(file.mapped()[inside], inside, str(file.path))[0]
            first += len(file)
        return found

    def chunks(self, numbers: Indices) -> Iterator[Array]:
        """The rows of these numbers, a chunk at a time."""
        for start in range(0, len(numbers), _CHUNK):
            yield self.rows(numbers[start : start + _CHUNK])


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the two parts."""

    training: Indices
    validation: Indices
    by_source: bool
    """True where whole sources are held out."""


def open_corpus(inputs: Sequence[str], converted: Path, column: str | None = None) -> Corpus:
    """Open files of vectors; what is not .npy is first copied to .npy, since training reads rows at random.

    Args:
        inputs: one path or more.
        converted: a folder for the copies.
        column: which column, array or dataset holds the vectors, where a file has several.

    Raises:
        UsageError: no such file.
        VectorError: not vectors, or of different widths.
    """
    files = tuple(_as_npy(Path(path), column, converted) for path in inputs)
    widths = {file.width for file in files}
    if len(widths) > 1:
        listed = ", ".join(f"{file.path} {file.width}" for file in files)
        raise VectorFileError(f"the inputs have vectors of different widths ({listed}); train on files of one teacher")
    return Corpus(files)


def split_rows(corpus: Corpus, share: float, seed: int, by_source: bool = True) -> Split:
    """Hold rows out: whole sources where every file has a `NAME-source.npy` beside it, else at random.

    Args:
        corpus: all rows.
        share: of the rows to hold out, about; at most VALIDATION_ROWS.
        seed: picks them.
        by_source: False to hold rows out at random wherever sources are known.

    Raises:
        TrainingError: too few rows to split.
    """
    rows, wanted = len(corpus), min(round(len(corpus) * share), VALIDATION_ROWS)
    if wanted < 20 or rows - wanted < 50:
        raise TrainingError(
            f"{rows} vectors are too few to train on and hold {share:.0%} out; "
            f"at least {max(70, round(20 / share))} are needed"
        )
    generator = np.random.default_rng(seed)
    sources = row_sources(corpus) if by_source else None
    held = _whole_sources(sources, wanted, generator) if sources is not None else np.empty(0, np.intp)
    whole = len(held) > 0
    if not whole:
        held = np.sort(generator.permutation(rows)[:wanted])
    return Split(np.setdiff1d(np.arange(rows), held), held, whole)


def moment_rows(training: Indices, seed: int) -> Indices:
    """The rows that enter the second moment: all, or MOMENT_ROWS of them at random."""
    if len(training) <= MOMENT_ROWS:
        return training
    return np.sort(np.random.default_rng(seed).choice(training, MOMENT_ROWS, replace=False))


def row_sources(corpus: Corpus) -> Indices | None:
    """The source of every row, unlike across files; None unless every file has its sources beside it."""
    parts, first = [], 0
    for file in corpus.files:
        sources = read_origins(file.path, len(file))
        if sources is None:
            return None
        parts.append(sources.astype(np.intp) - int(sources.min()) + first)
        first = int(parts[-1].max()) + 1
    return np.concatenate(parts)


def _whole_sources(sources: Indices, wanted: int, generator: np.random.Generator) -> Indices:
    """Rows of randomly picked sources, none of which takes the total past 1.25 x `wanted`; empty if none fits."""
    names, counts = np.unique(sources, return_counts=True)
    picked, total = [], 0
    for place in generator.permutation(len(names)):
        if total < wanted and total + counts[place] <= 1.25 * wanted:
            picked.append(names[place])
            total += int(counts[place])
    return np.flatnonzero(np.isin(sources, picked)) if total >= wanted / 2 else np.empty(0, np.intp)


def _as_npy(path: Path, column: str | None, converted: Path) -> VectorFile:
    """An input as a .npy file: itself, or a copy with the values untouched."""
    source = open_vectors(path, column=column)
    if isinstance(source, VectorFile) and path.suffix == ".npy":
        return source
    converted.mkdir(parents=True, exist_ok=True)
    target = converted / f"{path.stem}.npy"
    copy = Task(lambda rows: rows, source.width, np.dtype("<f4"), {}, lambda chunk, *_: (chunk.astype(np.float32), 0))
    process_file(copy, source, target, lambda _: None)
    return open_npy(target, source.width)
