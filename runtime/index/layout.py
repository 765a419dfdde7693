"""How a file of vectors or texts becomes an index, or is added to one, after all of its codes are computed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linguagen.runtime.index.about import ROW, About
from linguagen.runtime.index.blocks import BLOCK_ROWS, Bytes
from linguagen.runtime.index.carried import Batch, carried_columns, text_column
from linguagen.runtime.index.container import Container
from linguagen.runtime.index.documents import documents_table
from linguagen.runtime.index.values import declared_type
from linguagen.runtime.reading.sources import Source
from linguagen.runtime.writing.layouts import Layout

_BATCH_ROWS = 2 * BLOCK_ROWS


@dataclass(frozen=True, eq=False)
class IndexLayout(Layout):
    """A new index of codes (rows, columns), with the columns of the file that they come from."""

    id_column: str = ""
    """The column that tells rows apart; empty for one called `id` if there is one, and else for row numbers."""
    named: Path = Path()
    """What messages call the index."""

    @property
    def assembled(self) -> bool:
        """True: codes become an index when all of them are computed."""
        return True

    def check(self, source: Source) -> None:
        """Refuse a source whose columns cannot be those of the index, before its codes are made.

        Raises:
            UsageError: there is no column of ids, two columns have one name, or it is standard input.
        """
        types = {name: declared_type(values) for name, values in _first_columns(source).items()}
        documents_table(types, self.id_column or ("id" if "id" in types else ROW))

    def assemble(self, partial: Path, target: Path, rows: int, source: Source, dropped: frozenset[int]) -> None:
        """Make the index; arguments as in `Layout.assemble`."""
        assert self.maker is not None
        about = About(self.maker, self.row_bytes, self.id_column, text_column(source))
        Container.build(target, about, self._batches(partial, rows, source, dropped), self.named)

    def _batches(
        self, partial: Path, rows: int, source: Source, dropped: frozenset[int]
    ) -> Iterator[tuple[Bytes, Batch]]:
        """Yield codes (rows, row_bytes) from the partial file, with the columns of as many rows that were kept."""
        carried = carried_columns(source) or ({} for _ in range(0, rows, _BATCH_ROWS))
        first = 0
        with partial.open("rb") as file:
            for batch in carried:
                count = len(next(iter(batch.values()))) if batch else _BATCH_ROWS
                keep = [number for number in range(count) if not batch or first + number not in dropped]
                first += count
                codes = np.frombuffer(file.read(len(keep) * self.row_bytes), np.uint8).reshape(-1, self.row_bytes)
                yield codes, {name: [values[number] for number in keep] for name, values in batch.items()}


@dataclass(frozen=True, eq=False)
class AddedLayout(IndexLayout):
    """Codes (rows, columns) that are added to an index."""

    appends = True

    def check(self, source: Source) -> None:
        """Refuse a source that has columns which the index has not, before its codes are made.

        Raises:
            UsageError: it has, or it is standard input.
        """
        container = Container.open(self.named)
        try:
            container.documents.check_columns(_first_columns(source))
        finally:
            container.close()

    def assemble(self, partial: Path, target: Path, rows: int, source: Source, dropped: frozenset[int]) -> None:
        """Add them, all or none; arguments as in `Layout.assemble`; `target` is the index, links followed."""
        container = Container.open(target, self.named)
        try:
            container.append(self._batches(partial, rows, source, dropped))
        finally:
            container.close()


def _first_columns(source: Source) -> Batch:
    """The columns of the first rows of a source."""
    return next(carried_columns(source) or iter([]), {})
