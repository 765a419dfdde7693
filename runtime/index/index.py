"""An index in one file: build it, add to it, remove from it, search it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from linguagen.models.catalogue import DEFAULT_MODEL, DEFAULT_TEXT_MODEL, find_model, model_for_bytes
from linguagen.models.errors import UsageError
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.index.about import ROW, About
from linguagen.runtime.index.batches import batches_of, kept_columns
from linguagen.runtime.index.carried import TEXT
from linguagen.runtime.index.container import Container
from linguagen.runtime.index.filter import Filter
from linguagen.runtime.index.flat import FLAT, Flat, write_flat
from linguagen.runtime.index.model import IndexModel, are_texts
from linguagen.runtime.reading.maker import Maker
from linguagen.runtime.vectors import Array
from linguagen.runtime.writing.target import file_target
from linguagen.runtime.writing.whole_file import publish, refuse_existing, temporary_path


@dataclass(frozen=True)
class Hit:
    """A row that was found."""

    id: Any
    """Its id, or its number, counted from 0, if the rows have no ids of their own."""
    cosine: float
    """Cosine of the query with what its code stands for."""
    columns: dict[str, Any]
    """Its columns by name, the one of the ids included."""


class Index:
    """An opened index. Threads can share one; several processes can read one file while one of them writes it.

    Codes are held in memory from the first search on, and read again when another process has changed the file.
    """

    def __init__(
        self, container: Container | Flat, model: IndexModel, text_model: IndexModel, threads: int | None
    ) -> None:
        """Put together what `build` and `open` have checked."""
        self._container, self._model, self._text_model, self._threads = container, model, text_model, threads
        self.codec: Codec | TrellisCodec = model.codec_of(container.about)
        """What the codes mean."""

    @classmethod
    def build(
        cls,
        path: str | Path,
        rows: Any,
        *,
        model: str | Path | None = None,
        size: int | None = None,
        kind: str | None = None,
        ids: Any = None,
        columns: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        threads: int | None = None,
    ) -> Self:
        """Build an index, which appears under its name only when it is whole, and open it.

        Args:
            path: the file to write.
            rows: vectors (rows, input_dim), embeddings (rows, output_dim), or for a text model texts, which are kept
                in a column `text`.
            model: name or path of a model; None for the default of vectors or of texts.
            size: bytes of a code, 8 to 2,048; None for `kind`.
            kind: of code, such as `int8`; if this is None too, 128 bytes where the model has such codes, else int8.
            ids: a number or text for each row, in a column `id`; None for the numbers of the rows.
            columns: other values for each row, by the names of their columns.
            overwrite: replace a file of this name.
            threads: CPU threads; None for all cores that this process may use.

        Raises:
            UsageError: the file exists, there is no such code, or columns do not fit.
            VectorError, TextError: rows cannot be used.
            IndexFileError: the file cannot be written.
        """
        refuse_existing(Path(path), overwrite)
        loaded = IndexModel(find_model(model or _default_model(rows, kind)), threads=threads)
        codec, kept = loaded.codec(size, kind), kept_columns(rows, "id", ids, columns)
        maker = Maker(loaded.manifest.name, loaded.manifest.file_sha256, codec.kind, codec.dim)
        about = About(maker, codec.bytes_per_row, "", TEXT if TEXT in kept else "")
        target = file_target(Path(path))
        partial = temporary_path(target)
        try:
            partial.unlink(missing_ok=True)
            Container.build(partial, about, batches_of(loaded.embed(rows), codec, kept), Path(path))
            publish(partial, target)
        finally:
            partial.unlink(missing_ok=True)
        return cls(Container.open(Path(path)), loaded, loaded, threads)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        model: str | Path | None = None,
        text_model: str | Path | None = None,
        threads: int | None = None,
    ) -> Self:
        """Open an index.

        Args:
            path: its file; .safetensors for a flat one, which is never changed and knows no conditions.
            model: name or path of the model that made it; None for the installed model that it names.
            text_model: name or path of the text model that embeds queries; None for the model that made the index.
            threads: CPU threads; None for all cores that this process may use.

        Raises:
            UsageError: there is no such file, or the text model was not trained for the model that made the index.
            UnknownModelError: a model is not installed.
            IndexFileError: the file is cut, edited or no index, or another model made it.
        """
        container: Container | Flat
        container = Flat(Path(path)) if Path(path).suffix == FLAT else Container.open(Path(path))
        maker = container.about.maker
        loaded = reader = IndexModel.of(container, model, threads)
        if text_model is not None:
            reader = IndexModel(find_model(text_model), threads=threads)
            if not reader.reads_texts or not maker.is_model(reader.manifest):
                raise UsageError(
                    f"{reader.manifest.name} embeds no texts for {maker}, which made {path}; name a text model that "
                    "was trained for it"
                )
        return cls(container, loaded, reader, threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __len__(self) -> int:
        return len(self._container.stored().numbers)

    def __repr__(self) -> str:
        return f"Index({self._container.name}, {len(self)} rows, {self.codec})"

    @property
    def about(self) -> About:
        """What the index says about itself."""
        return self._container.about

    @property
    def columns(self) -> list[str]:
        """Names of its columns."""
        return list(self._container.documents.types)

    @property
    def ids(self) -> list[Any]:
        """The ids of all rows, in the order of their numbers."""
        with self._container.reading():
            return self._container.documents.ids()

    def add(self, rows: Any, *, ids: Any = None, columns: Mapping[str, Any] | None = None) -> int:
        """Add rows, all or none, and return how many; a kill leaves the old index or the new one.

        Args:
            rows: as for `build`.
            ids: a number or text for each row, if the rows of the index have ids.
            columns: values for each row, by the names of the index's columns; those that are left out stay empty.

        Raises:
            UsageError: a column is unknown, an id is missing or taken, or columns differ in length.
            VectorError, TextError: rows cannot be used.
            IndexFileError: the file cannot be written, or another program writes to it.
        """
        kept = kept_columns(rows, self.about.id_column, ids, columns)
        return self._container.append(batches_of(self._model.embed(rows), self.codec, kept))

    def write_flat(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the index as one file to map into memory, which is opened in milliseconds and never changed.

        Args:
            path: the file to write, which appears when it is whole; its name ends with .safetensors.
            overwrite: replace a file of this name.

        Raises:
            UsageError: the file exists, a column holds bytes, or this index is flat.
        """
        if not isinstance(self._container, Container):
            raise UsageError(f"{self._container.name} is a flat index already; copy it")
        refuse_existing(Path(path), overwrite)
        write_flat(self._container, Path(path))

    def remove(self, ids: Sequence[Any]) -> None:
        """Remove rows, all or none; what they held is overwritten in the file.

        Raises:
            UsageError: there is no row of an id.
            IndexFileError: the file cannot be written, or another program writes to it.
        """
        self._container.remove(ids)

    def search(
        self,
        query: Any,
        k: int = 10,
        *,
        where: str | None = None,
        parameters: Sequence[Any] = (),
        mask: npt.NDArray[np.bool_] | None = None,
        ids: Sequence[Any] | None = None,
    ) -> list[Hit]:
        """Find the rows nearest to a query by cosine; every code that passes the filters is looked at.

        Args:
            query: a vector (input_dim,), an embedding (output_dim,), or a text if there is a text model.
            k: how many to find.
            where: a condition on columns, in SQL; give what strangers write as `parameters`, never in the condition.
            parameters: values for the question marks in the condition.
            mask: True for each row (rows,) to look at, in the order of `ids`.
            ids: ids of the rows to look at.

        Returns:
            min(k, rows looked at) rows, nearest first.

        Raises:
            UsageError: no model embeds texts, k is below 1, or a filter cannot be used.
            VectorError, TextError: the query cannot be used.
            IndexFileError: the file was edited.
        """
        if isinstance(query, str):
            embedding = self._text_model.embed([query])
        else:
            embedding = self._model.embed(np.asarray(query)[None], "the query")
        with self._container.reading():
            return self._hits(embedding, k, Filter(where, parameters, mask, ids))

    def like(
        self,
        id: Any,
        k: int = 10,
        *,
        where: str | None = None,
        parameters: Sequence[Any] = (),
        mask: npt.NDArray[np.bool_] | None = None,
        ids: Sequence[Any] | None = None,
    ) -> list[Hit]:
        """Find the rows nearest to a row of the index, which is not among them.

        Args:
            id: of the row.
            k: how many to find.
            where: this and what follows, as for `search`.
            parameters: see `search`.
            mask: see `search`.
            ids: see `search`.

        Raises:
            UsageError: there is no such row, k is below 1, or a filter cannot be used.
            IndexFileError: the file was edited.
        """
        with self._container.reading():
            number, stored = self._container.documents.numbers_of([id]), self._container.stored()
            code = stored.codes[np.searchsorted(stored.numbers, number)].view(self.codec.dtype)
            return self._hits(self.codec.decode(code), k, Filter(where, parameters, mask, ids, but=number))

    def _hits(self, embedding: Array, k: int, filter: Filter) -> list[Hit]:
        """Find the rows nearest to an embedding (1, dim), among those that pass a filter."""
        stored, documents = self._container.stored(), self._container.documents
        codes, numbers = stored.codes, stored.numbers
        keep = filter.passing(numbers, documents)
        if not keep.all():
            codes, numbers = codes[keep], numbers[keep]
        places, cosines = self.codec.search(embedding, codes.view(self.codec.dtype), k, self._threads)
        hits = []
        for row, cosine in zip(documents.rows(numbers[places[0]].tolist()), cosines[0].tolist(), strict=True):
            columns = {name: value for name, value in row.items() if name != ROW}
            hits.append(Hit(row[self.about.id_column], cosine, columns))
        return hits


def _default_model(rows: Any, kind: str | None) -> str:
    """The name of the model that takes rows, if nobody names one."""
    if are_texts(rows):
        return DEFAULT_TEXT_MODEL
    return model_for_bytes(DEFAULT_MODEL) if kind is None else DEFAULT_MODEL
