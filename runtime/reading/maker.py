"""Which model made a file of embeddings: an entry `linguagen` in every format that has room for one.

The entry is JSON: the model's name, the hash of its file, the kind of the codes and their dimensions. It is in the
schema's metadata of .parquet and .arrow, the comment of .npz, an attribute of .hdf5, and the first field of .json.
"""

import json
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from linguagen.models.errors import VectorFileError
from linguagen.models.manifests.document import EncoderManifest
from linguagen.runtime.reading.tables import ARROW, HDF5, PARQUET, describe_table, import_h5py

KEY = "linguagen"
JSON_START = f'{{"{KEY}": '
"""How a .json file with an entry begins."""
_MOST_CHARACTERS = 4096


@dataclass(frozen=True)
class Maker:
    """The model that made the rows of a file, and what the rows are."""

    model: str
    """Name of the model."""
    sha256: str
    """`file_sha256` of the model's file."""
    kind: str
    """The kind of codes, such as `float32` or `int8`; `vectors` for what lg-run expand writes."""
    dim: int
    """Dimensions of an embedding that the codes keep, or the width of the vectors."""

    def __str__(self) -> str:
        return f"{self.model} (sha256 {self.sha256[:16]}...)"

    def is_model(self, manifest: EncoderManifest) -> bool:
        """True if a model made the rows, or was taught to embed texts as the model that made them embeds vectors."""
        return self.sha256 in (manifest.file_sha256, _taught_by(manifest))

    def to_json(self) -> str:
        """The entry, as JSON text."""
        return json.dumps(asdict(self))


def read_maker(path: Path) -> Maker | None:
    """Read which model made a file.

    Returns:
        The entry, or None if the file has none, as .npy files and those of other programs.

    Raises:
        VectorFileError: the entry, or the file, cannot be read.
        MissingExtraError: the format needs a package that is not installed.
    """
    read = _READERS.get(path.suffix.lower())
    text = read(path) if read and path.is_file() else None
    if text is None:
        return None
    try:
        maker = Maker(**json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise _unreadable(path, error) from error
    if [type(value) for value in asdict(maker).values()] != [str, str, str, int]:
        raise _unreadable(path, "a value of another type")
    return maker


def _taught_by(manifest: EncoderManifest) -> str:
    """The hash of the model whose embeddings a text model was taught to match; empty if that is not known."""
    space = manifest.training.get("teacher_space")
    made_by = space.get("sha256") if isinstance(space, dict) else ""
    return made_by if isinstance(made_by, str) else ""


def _unreadable(path: Path, problem: object) -> VectorFileError:
    """The error for an entry that no program of ours writes."""
    return VectorFileError(
        f"{path}: its entry {KEY!r}, which names the model that made it, cannot be read ({str(problem)[:100]}); write "
        "the file again"
    )


def _in_table(path: Path) -> str | None:
    """The entry of a .parquet or .arrow file."""
    entry = (describe_table(path)[0].metadata or {}).get(KEY.encode())
    return None if entry is None else entry.decode("utf-8", "replace")


def _in_npz(path: Path) -> str | None:
    """The entry of a .npz file, if its comment is one."""
    try:
        with zipfile.ZipFile(path) as archive:
            comment = archive.comment.decode("utf-8", "replace")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise VectorFileError(f"{path}: not a .npz file, or damaged ({error}); write it with numpy.savez") from error
    return comment.removeprefix(f"{KEY} ") if comment.startswith(f"{KEY} ") else None


def _in_hdf5(path: Path) -> str | None:
    """The entry of an .hdf5 file."""
    try:
        with import_h5py().File(path, "r") as file:
            entry = file.attrs.get(KEY)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise _unreadable(path, error) from error
    return entry if entry is None or isinstance(entry, str) else ""


def _in_json(path: Path) -> str | None:
    """The entry of a .json file, which comes first in it."""
    with path.open(encoding="utf-8", errors="replace") as file:
        start = file.read(_MOST_CHARACTERS)
    if not start.startswith(JSON_START):
        return None
    end = start.find("}", len(JSON_START))
    return start[len(JSON_START) : end + 1]


_READERS: dict[str, Callable[[Path], str | None]] = {
    **dict.fromkeys((*PARQUET, *ARROW), _in_table),
    **dict.fromkeys(HDF5, _in_hdf5),
    ".npz": _in_npz,
    ".json": _in_json,
}
