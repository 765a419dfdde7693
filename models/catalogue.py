"""Models found by name: those of this package, and those that other distributions announce.

A distribution announces a model by an entry point of the group `linguagen.models`: its name is the model's name, its
value a package that holds the file NAME.onnx. The package is located but not imported.
"""

import difflib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from linguagen.models.errors import UnknownModelError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

DEFAULT_MODEL = "text-embedding-3-small"
DEFAULT_TEXT_MODEL = "linguagen-en"
"""A text model is several times as large as this package's wheel, so it is in a distribution of the same name."""
ENTRY_POINT_GROUP = "linguagen.models"
_FOLDER = Path(__file__).resolve().parent / "shipped"


@dataclass(frozen=True)
class AnnouncedModels:
    """The models that installed distributions announce."""

    paths: dict[str, Path]
    """Model files by name."""
    problems: dict[str, str]
    """Why a model cannot be used, by name; each text names the distribution."""


def shipped_models() -> dict[str, Path]:
    """Names and paths of the models of this package, the default and its siblings first."""
    paths = {path.stem: path for path in _FOLDER.glob("*.onnx") if not path.stem.endswith(".decoder")}
    return dict(sorted(paths.items(), key=lambda item: (not item[0].startswith(DEFAULT_MODEL), item[0])))


def announced_models() -> AnnouncedModels:
    """The models that installed distributions announce; one that cannot be used hides no other."""
    from importlib.metadata import entry_points  # takes longer to import than a shipped model to load

    found, by_name = AnnouncedModels({}, {}), defaultdict(list)
    for point in entry_points(group=ENTRY_POINT_GROUP):
        by_name[point.name].append(point)
    shipped = shipped_models()
    for name, points in sorted(by_name.items()):
        owners = [*(["linguagen"] if name in shipped else []), *sorted(map(_distribution, points))]
        path = _announced_file(points[0])
        if len(owners) > 1:
            found.problems[name] = (
                f"the model {name!r} is announced by {len(owners)} distributions, {' and '.join(owners)}; "
                "uninstall all but one"
            )
        elif path is None:
            found.problems[name] = (
                f"the distribution {owners[0]} announces the model {name!r}, but the package "
                f"{points[0].value} has no {name}.onnx; reinstall or uninstall {owners[0]}"
            )
        else:
            found.paths[name] = path
    return found


def find_model(name_or_path: str | Path) -> Path:
    """The path of a model's file.

    Args:
        name_or_path: a name that `lg-run models` lists, or the path of a model file.

    Raises:
        UnknownModelError: neither; the message lists the names, or says what to install.
    """
    name, path = str(name_or_path), Path(name_or_path)
    shipped = shipped_models()
    if name in shipped:
        return shipped[name]
    if path.suffix == ".onnx" and path.is_file():  # without a look at what is installed
        return path
    announced = announced_models()
    if name in announced.problems:
        raise UnknownModelError(announced.problems[name])
    if name in announced.paths:
        return announced.paths[name]
    if path.is_file():
        return path
    if name == DEFAULT_TEXT_MODEL:
        raise UnknownModelError(
            f"the text model {name!r} is a distribution of its own, which is not installed; "
            f"install it with what it needs: pip install 'linguagen[text]' {name}"
        )
    names = [*shipped, *announced.paths]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UnknownModelError(
        f"no model {name!r}: it is not a file, and the installed models are {', '.join(names) or 'none'}; "
        f"{hint}give one of these names or the path of a file that lg-export wrote"
    )


def _distribution(point: "EntryPoint") -> str:
    """Name of the distribution that an entry point belongs to."""
    return point.dist.name if point.dist else "unknown"


def _announced_file(point: "EntryPoint") -> Path | None:
    """The model file of an entry point, if it exists."""
    from importlib.util import find_spec

    try:
        spec = find_spec(point.value)
    except Exception:  # looking for a package inside another imports that one, which may raise anything
        return None
    folders = spec.submodule_search_locations if spec else None
    files = (Path(folder) / f"{point.name}.onnx" for folder in folders or [])
    return next((file for file in files if file.is_file()), None)
