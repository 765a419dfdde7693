"""Rows of vectors: several files read as one, mapped into memory, split into training and validation."""

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
from linguagen.train.run.held_out import Split, split_at_random, split_by_origin

VALIDATION_ROWS = 5000
"""The most rows that are held out: more would only slow the exact search."""
MOMENT_ROWS = 100_000
"""The most rows that enter the second moment; beyond this it no longer changes."""
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
                found[mine] = unit_rows(file.picked(inside), inside, str(file.path))[0]
            first += len(file)
        return found

    def chunks(self, numbers: Indices) -> Iterator[Array]:
        """The rows of these numbers (count,), a chunk (rows, width) at a time."""
        for start in range(0, len(numbers), _CHUNK):
            yield self.rows(numbers[start : start + _CHUNK])


def open_corpus(inputs: Sequence[str], converted: Path, column: str | None = None) -> Corpus:
    """Open files of vectors; what is not .npy is first copied to .npy, since training reads rows at random.

    Args:
        inputs: one path or more.
        converted: a folder for the copies.
        column: which column, array or dataset holds the vectors, if a file has several.

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


def split_rows(corpus: Corpus, share: float, seed: int, by_origin: bool = True) -> Split:
    """Hold rows out: whole origins if every file has a `NAME-source.npy` next to it, else at random.

    Args:
        corpus: all rows.
        share: of the rows to hold out, about; at most VALIDATION_ROWS.
        seed: picks them.
        by_origin: False to hold rows out at random even if origins are known.

    Raises:
        TrainingError: too few rows to split.
    """
    rows, held_out = len(corpus), min(round(len(corpus) * share), VALIDATION_ROWS)
    if held_out < 20 or rows - held_out < 50:
        raise TrainingError(
            f"{rows} vectors are too few to train on and hold {share:.0%} out; "
            f"at least {max(70, round(20 / share))} are needed"
        )
    generator = np.random.default_rng(seed)
    origins = row_origins(corpus) if by_origin else None
    split = None if origins is None else split_by_origin(origins, held_out, generator)
    return split or split_at_random(rows, held_out, generator)


def moment_rows(training: Indices, seed: int) -> Indices:
    """Numbers (count,) of the rows that enter the second moment: all, or MOMENT_ROWS of them at random."""
    if len(training) <= MOMENT_ROWS:
        return training
    return np.sort(np.random.default_rng(seed).choice(training, MOMENT_ROWS, replace=False))


def pick(generator: np.random.Generator, numbers: Indices, count: int) -> Indices:
    """`count` of the numbers (rows,) without repetition, or all of them if there are fewer."""
    if len(numbers) <= count:
        return numbers
    return numbers[generator.choice(len(numbers), count, replace=False)]


def row_origins(corpus: Corpus) -> Indices | None:
    """The origin of every row (rows,), different in each file; None unless every file has its origins next to it."""
    parts, first = [], 0
    for file in corpus.files:
        origins = read_origins(file.path, len(file))
        if origins is None:
            return None
        parts.append(origins.astype(np.intp) - int(origins.min()) + first)
        first = int(parts[-1].max()) + 1
    return np.concatenate(parts)


def _as_npy(path: Path, column: str | None, converted: Path) -> VectorFile:
    """An input as a .npy file: itself, or a copy with rows of length 1, which float32 holds."""
    source = open_vectors(path, column=column)
    if isinstance(source, VectorFile) and path.suffix == ".npy":
        return source
    converted.mkdir(parents=True, exist_ok=True)
    target = converted / f"{path.stem}.npy"
    process_file(Task(lambda rows: rows, source.width, np.dtype("<f4"), {}), source, target, lambda _: None)
    return open_npy(target, source.width)
