"""The kinds of model that can be trained. Each is a package here with the same modules, imported when it is needed.

A new kind is a package with a `command` in its `cli` and a `load_finished` in its `finished`, and a line in `KINDS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from linguagen.models.errors import RunFolderError
from linguagen.train.run.folder import RunFolder

if TYPE_CHECKING:
    from linguagen.train.run.finished import FinishedRun


@dataclass(frozen=True)
class Kind:
    """A kind of model."""

    name: str
    """As in `lg-train NAME` and in a run's settings; also the name of its package."""
    example: str
    """A command that trains one."""

    def find(self, module: str, name: str) -> Any:
        """A name of one of the kind's modules."""
        return getattr(import_module(f"linguagen.train.{self.name}.{module}"), name)


DEFAULT_KIND = "vectors"
KINDS = {
    kind.name: kind
    for kind in (
        Kind("vectors", "lg-train vectors.npy --teacher text-embedding-3-small"),
        Kind("text", "lg-train text corpus.txt --targets teacher.npy"),
        Kind("tagger", "lg-train tagger train.conllu --dev dev.conllu"),
    )
}


def command_of(kind: str) -> Callable[..., None]:
    """The command that trains this kind."""
    return cast(Callable[..., None], KINDS[kind].find("cli", "command"))


def load_finished(path: Path) -> "FinishedRun[Any, Any]":
    """Read a finished run of any kind.

    Args:
        path: the run's folder.

    Raises:
        RunFolderError: no run, not finished, damaged, or of a kind that this version does not know.
    """
    kind = RunFolder(path).read_kind()
    if kind not in KINDS:
        raise RunFolderError(
            f"{path} is a run of kind {kind!r}, expected one of {', '.join(KINDS)}; train again with this version"
        )
    return cast("FinishedRun[Any, Any]", KINDS[kind].find("finished", "load_finished")(path))
