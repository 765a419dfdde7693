"""Models found by name: those of this package, and those that other distributions announce.

A distribution announces a model by an entry point of the group `linguagen.models`: its name is the model's name, its
value a package that holds the file NAME.onnx. The package is located but not imported.
"""

import difflib
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from linguagen.models.errors import UnknownModelError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

DEFAULT_MODEL = "text-embedding-3-small"
DEFAULT_TEXT_MODEL = "linguagen-en"
DEFAULT_TAGGER = "linguagen-pos-en"
_APART = {DEFAULT_TEXT_MODEL: "text model", DEFAULT_TAGGER: "tagger", "linguagen-ner-en": "tagger"}
"""Models that are in distributions of the same names, since they are larger than those of this package's wheel."""
ENTRY_POINT_GROUP = "linguagen.models"
_WHOLE = "-1536"
"""What the name of a teacher's model of whole width adds; it is the one that writes codes of any number of bytes."""
SHIPPED = Path(__file__).resolve().parent / "shipped"
"""The folder of the models of this package."""


@dataclass(frozen=True)
class AnnouncedModels:
    """The models that installed distributions announce."""

    paths: dict[str, Path]
    """Model files by name."""
    problems: dict[str, str]
    """Why a model cannot be used, by name; each text names the distributions."""


def shipped_models() -> dict[str, Path]:
    """Names and paths of the models of this package, the default and its siblings first."""
    paths = {path.stem: path for path in SHIPPED.glob("*.onnx") if not path.stem.endswith(".decoder")}
    return dict(sorted(paths.items(), key=lambda item: (not item[0].startswith(DEFAULT_MODEL), item[0])))


def announced_models() -> AnnouncedModels:
    """The models that installed distributions announce; one that cannot be used hides no other."""
    from importlib.metadata import entry_points  # takes longer to import than a shipped model takes to load

    paths: dict[str, Path] = {}
    problems = {DEFAULT_TEXT_MODEL: _not_installed(DEFAULT_TEXT_MODEL)}
    shipped = shipped_models()
    every = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name)
    for name, group in groupby(every, key=lambda point: point.name):
        problems.pop(name, None)
        points = list(group)
        owners = sorted(point.dist.name for point in points if point.dist)
        if name in shipped:
            owners.insert(0, "linguagen")
        if len(owners) > 1:
            problems[name] = f"the model {name!r} is in {' and in '.join(owners)}; uninstall all but one of these"
        elif path := _announced_file(points[0]):
            paths[name] = path
        else:
            problems[name] = (
                f"the distribution {owners[0]} announces the model {name!r}, but its package {points[0].value} has no "
                f"{name}.onnx; reinstall or uninstall {owners[0]}"
            )
    return AnnouncedModels(paths, problems)


def find_model(name_or_path: str | Path) -> Path:
    """The path of a model's file.

    Args:
        name_or_path: a name that `lg-run models` lists, or the path of a model file.

    Raises:
        UnknownModelError: neither; the message lists the names, or says what to install.
    """
    name, path, shipped = str(name_or_path), Path(name_or_path), shipped_models()
    if name in shipped:
        return shipped[name]
    if path.suffix == ".onnx" and path.is_file():  # without a search of what is installed, which takes longer
        return path
    announced = announced_models()
    if name in announced.paths:
        return announced.paths[name]
    if path.is_file():
        return path
    if name in announced.problems:
        raise UnknownModelError(announced.problems[name])
    if name in _APART:
        raise UnknownModelError(_not_installed(name))
    names = [*shipped, *announced.paths]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UnknownModelError(
        f"no model {name!r}: it is not a file, and the installed models are {', '.join(names) or 'none'}; "
        f"{hint}give one of these names or the path of a file that lg-export wrote"
    )


def model_for_bytes(name: str) -> str:
    """The model that writes codes of any number of bytes: that of whole width if a teacher's name is given.

    Args:
        name: a model's name or the path of a model file, which stays as it is unless NAME-1536 ships too.
    """
    whole = name + _WHOLE
    return whole if whole in shipped_models() else name


def _not_installed(name: str) -> str:
    """What to do about a model of _APART that is not installed."""
    return (
        f"the {_APART[name]} {name!r} is a distribution of its own, which is not installed; "
        f"install it and what it needs from a checkout of the project: pip install sentencepiece ./{name}"
    )


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
