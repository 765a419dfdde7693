"""The models that ship inside the package, found by name."""

import difflib
from pathlib import Path

from linguagen.models.errors import UnknownModelError

DEFAULT_MODEL = "text-embedding-3-small"
_FOLDER = Path(__file__).resolve().parent


def shipped_models() -> dict[str, Path]:
    """Name and path of every shipped model, the default and its siblings first."""
    paths = {path.stem: path for path in _FOLDER.glob("*.onnx") if not path.stem.endswith(".decoder")}
    return dict(sorted(paths.items(), key=lambda item: (not item[0].startswith(DEFAULT_MODEL), item[0])))


def find_model(name_or_path: str | Path) -> Path:
    """Path of a shipped model's file, or of the file given.

    Args:
        name_or_path: the name of a shipped model, or the path of a model file.

    Raises:
        UnknownModelError: neither; the message lists the names, the nearest first.
    """
    name, shipped = str(name_or_path), shipped_models()
    if name in shipped:
        return shipped[name]
    path = Path(name_or_path)
    if path.is_file():
        return path
    near = difflib.get_close_matches(name, shipped, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UnknownModelError(
        f"no model {name!r}: it is not a file, and the shipped models are {', '.join(shipped) or 'none'}; "
        f"{hint}give one of these names or the path of a file that lg-export wrote"
    )
