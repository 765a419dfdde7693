"""An index as one file to map into memory: opened in milliseconds however large it is, and never changed.

It is a safetensors file. `codes` (rows, bytes) are as they are searched; `numbers` (rows,) are the rows' numbers;
document i is the JSON object in the bytes of `documents` from `ends[i - 1]`, or 0, to before `ends[i]`; `ids` is a JSON
list of all ids. The metadata is that of the table `linguagen`, and `columns`, a JSON object of declared types.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from linguagen.models.errors import IndexFileError, UsageError
from linguagen.runtime.index.about import ROW, About
from linguagen.runtime.index.blocks import Numbers, Stored
from linguagen.runtime.index.container import Container
from linguagen.runtime.index.safetensors import header_bytes, map_file, seek_tensor
from linguagen.runtime.index.values import stored
from linguagen.runtime.reading.maker import Maker
from linguagen.runtime.writing.whole_file import replace_file

FORMAT_VERSION = "1"
FLAT = ".safetensors"
"""How the name of a flat index ends."""
_BATCH = 4096
_CHANGES = "a flat index is not changed; change the index that it was made from, and write it again with --flat"


def write_flat(container: Container, path: Path) -> int:
    """Write an index as a flat file, which appears when it is whole; returns the number of its rows.

    Raises:
        UsageError: a column holds bytes, which JSON cannot, or the name does not end with .safetensors.
        IndexFileError: the index was edited.
    """
    if path.suffix != FLAT:
        raise UsageError(f"a flat index is called NAME{FLAT}, and not {path}; name it so with -o")
    with container.reading():
        found = container.stored()
        ids = json.dumps(container.documents.ids(), ensure_ascii=False).encode()
        replace_file(path, lambda file: _write(file, container, found, ids))
    return len(found.numbers)


def _write(file: BinaryIO, container: Container, found: Stored, ids: bytes) -> None:
    """Write codes, ids and documents, and then the header, into which their sizes go."""
    rows, about = len(found.numbers), container.about
    ends = np.zeros(rows, "<i8")
    metadata = {"format_version": FORMAT_VERSION, "columns": json.dumps(container.documents.types)}
    metadata |= {key: str(value) for key, value in about.values().items()}
    size = sum(map(len, _documents(container, found.numbers)))
    tensors = {
        "numbers": ("I64", (rows,)),
        "ends": ("I64", (rows,)),
        "codes": ("U8", found.codes.shape),
        "ids": ("U8", (len(ids),)),
        "documents": ("U8", (size,)),
    }
    header = header_bytes(tensors, metadata)
    seek_tensor(file, len(header), tensors, "documents")
    for number, document in enumerate(_documents(container, found.numbers)):
        file.write(document)
        ends[number] = len(document)
    file.seek(0)
    file.write(header)
    for part in (found.numbers.astype("<i8"), np.cumsum(ends, dtype="<i8"), found.codes):
        file.write(part.data.cast("B") if part.size else b"")
    file.write(ids)


def _documents(container: Container, numbers: Numbers) -> Iterator[bytes]:
    """The documents of rows by their numbers (rows,), as JSON.

    Raises:
        UsageError: a column holds bytes.
    """
    for first in range(0, len(numbers), _BATCH):
        for row in container.documents.rows(numbers[first : first + _BATCH].tolist()):
            row.pop(ROW)
            try:
                yield json.dumps(row, ensure_ascii=False).encode()
            except TypeError as error:
                raise UsageError(f"{container.name} has a column of bytes, which a flat index cannot hold") from error


class FlatDocuments:
    """The documents of a flat index; as `Documents`, but nothing can be inserted."""

    def __init__(self, name: str, arrays: dict[str, Any], types: dict[str, str], id_column: str) -> None:
        """Keep what `Flat` has mapped."""
        self.types, self.id_column, self._name = types, id_column, name
        self._numbers, self._ends, self._texts, self._ids = (
            arrays[name] for name in ("numbers", "ends", "documents", "ids")
        )

    def ids(self) -> list[Any]:
        """The ids of all rows, in the order of their numbers."""
        return list(json.loads(self._ids.tobytes()))

    @cached_property
    def _places(self) -> dict[str, int]:
        """The place of every id, as text."""
        return {str(each): place for place, each in enumerate(self.ids())}

    def rows(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """All columns of rows, `_row` first, by the numbers of the rows and in their order."""
        rows = []
        for number, place in zip(numbers, np.searchsorted(self._numbers, numbers).tolist(), strict=True):
            start = int(self._ends[place - 1]) if place else 0
            text = self._texts[start : int(self._ends[place])].tobytes()
            try:
                rows.append({ROW: number, **json.loads(text)})
            except ValueError as error:
                raise IndexFileError(f"{self._name}: edited: the document of row {number} is not JSON") from error
        return rows

    def numbers_of(self, ids: Sequence[Any]) -> Numbers:
        """The numbers (ids,) of rows by their ids, in this order.

        Raises:
            UsageError: there is no row of an id.
        """
        missing = next((each for each in ids if str(stored(each)) not in self._places), None)
        if missing is not None:
            raise UsageError(f"{self._name} has no row whose {self.id_column} is {missing!r}")
        return np.array([self._numbers[self._places[str(stored(each))]] for each in ids], np.int64)

    def numbers_where(self, condition: str, parameters: Sequence[Any]) -> Numbers:  # noqa: ARG002
        """Nothing: a flat index knows no SQL.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{self._name} is a flat index, which has no conditions; search the index it was made from")


class Flat:
    """An opened flat index; as `Container`, but it is never changed."""

    def __init__(self, path: Path) -> None:
        """Map a file into memory.

        Raises:
            UsageError: there is no such file.
            IndexFileError: it is cut, no flat index, or of another version.
        """
        if not path.is_file():
            raise UsageError(f"{path} does not exist; write it with lg-run index INDEX --flat -o {path}")
        self.name = str(path)
        arrays, metadata = map_file(path)
        try:
            version = metadata["format_version"]
            if version != FORMAT_VERSION:
                raise ValueError(f"format version {version}, expected {FORMAT_VERSION}")
            names = ("bytes_per_row", "id_column", "text_column")
            size, id_column, text_column = (metadata[name] for name in names)
            maker = Maker(metadata["model"], metadata["sha256"], metadata["kind"], int(metadata["dim"]))
            self.about = About(maker, int(size), id_column, text_column)
            self._stored = Stored(arrays["codes"], arrays["numbers"])
            self.documents = FlatDocuments(self.name, arrays, json.loads(metadata["columns"]), id_column)
            _check_shapes(arrays, self.about.bytes_per_row)
        except (KeyError, TypeError, ValueError) as error:
            raise IndexFileError(f"{path}: no flat index of this version ({error}); write it again") from error

    def close(self) -> None:
        """Nothing: the file is unmapped when nobody uses its arrays."""

    def reading(self) -> AbstractContextManager[None]:
        """Inside: nothing changes, as always."""
        return nullcontext()

    def next_row(self) -> int:
        """Nothing can be added.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{self.name}: {_CHANGES}")

    def append(self, batches: object) -> int:  # noqa: ARG002
        """Nothing can be added.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{self.name}: {_CHANGES}")

    def remove(self, ids: Sequence[Any]) -> None:  # noqa: ARG002
        """Nothing can be removed.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{self.name}: {_CHANGES}")

    def stored(self) -> Stored:
        """The codes of all rows."""
        return self._stored


def _check_shapes(arrays: dict[str, Any], size: int) -> None:
    """Refuse arrays that do not fit together.

    Raises:
        KeyError, ValueError: they do not.
    """
    rows = len(arrays["numbers"])
    if arrays["codes"].shape != (rows, size) or arrays["codes"].dtype != np.uint8:
        raise ValueError(f"codes of shape {arrays['codes'].shape}")
    if arrays["ends"].shape != (rows,) or (rows and int(arrays["ends"][-1]) != len(arrays["documents"])):
        raise ValueError("documents that are not as long as their ends say")
