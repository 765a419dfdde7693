"""A training run on disk, written so that a kill at any moment leaves something to resume from.

::

    runs/NAME/
        config.json        the settings with the run's kind, written first
        checkpoint.pt      weights, optimiser and step of the last checkpoint, replaced whole (`run/checkpoint.py`)
        finished.json      what was measured and how training went; its presence means the run is finished
        tensorboard/
        ...                what a kind adds: `vectors/finished.py`, `text/finished.py`
"""

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from linguagen.models.errors import RunFolderError, UsageError
from linguagen.runtime.writing.whole_file import replace_file
from linguagen.train.run.settings import RunSettings

RUNS = Path("runs")

Config = TypeVar("Config", bound=RunSettings)


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run, and its settings."""

    path: Path

    @property
    def config(self) -> Path:
        """File of the settings."""
        return self.path / "config.json"

    @property
    def checkpoint(self) -> Path:
        """File of the last checkpoint."""
        return self.path / "checkpoint.pt"

    @property
    def finished(self) -> Path:
        """File of a finished run's result."""
        return self.path / "finished.json"

    @property
    def tokenizer(self) -> Path:
        """File of the tokenizer, a SentencePiece model; there is none if the run reads no pieces."""
        return self.path / "tokenizer.model"

    @property
    def tensorboard(self) -> Path:
        """Folder of the log that TensorBoard shows."""
        return self.path / "tensorboard"

    def read_kind(self) -> str:
        """The run's kind; empty if its settings do not name one.

        Raises:
            RunFolderError: the folder holds no run.
        """
        try:
            return str(json.loads(self._config_text()).get("kind", ""))
        except (ValueError, AttributeError):
            return ""

    def read_config(self, settings: type[Config]) -> Config:
        """The run's settings, of the class that its kind has.

        Raises:
            RunFolderError: there are none, or they are another kind's or version's.
        """
        return settings.from_json(self._config_text(), str(self.config))

    def write_config(self, config: RunSettings) -> None:
        """Start the run's folder, or replace its settings."""
        self.path.mkdir(parents=True, exist_ok=True)
        replace_file(self.config, lambda file: file.write(config.to_json().encode()))

    def require_new(self) -> None:
        """Refuse a folder that holds a run.

        Raises:
            UsageError: it does.
        """
        if self.config.exists():
            raise UsageError(f"{self.path} already holds a run; continue it with --resume, or choose another --out")

    def require_resumable(self, recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        """Refuse to resume a finished run, or to resume with other settings than the run was made with.

        Args:
            recorded: the run's settings, by bare name.
            asked: those asked for now.

        Raises:
            RunFolderError: the run is finished, or a setting differs.
        """
        for name, value in asked.items():
            if name not in recorded or value != recorded[name]:
                raise RunFolderError(
                    f"{self.path} was made with {name} {recorded.get(name, 'not set')}, not {value}; "
                    "resume it without that option, or start a new run without --resume"
                )
        if self.finished.exists():
            raise RunFolderError(f"{self.path} is finished; export it with lg-export {self.path}, or start a new run")

    @contextmanager
    def undone_before(self, begun: Callable[[], bool]) -> Iterator[None]:
        """Inside: an error or Ctrl-C removes what was added to the folder, unless training had begun by then.

        Args:
            begun: says whether training has begun.
        """
        made = [path for path in (self.path, *self.path.parents) if not path.exists()]
        before = set(self.path.iterdir()) if self.path.is_dir() else set()
        try:
            yield
        except BaseException:
            if not (begun() or self.checkpoint.exists()):
                _remove(self.path, before, made)
            raise

    def write_finished(self, summary: Mapping[str, Any]) -> None:
        """Write the result, which makes the run a finished one."""
        replace_file(self.finished, lambda file: file.write(json.dumps(summary, indent=2).encode()))

    def _config_text(self) -> str:
        """The settings as JSON text."""
        if not self.config.is_file():
            raise RunFolderError(f"{self.path} is not a training run (no config.json); make one with lg-train")
        return self.config.read_text(encoding="utf-8")


def _remove(folder: Path, kept: Collection[Path], made: Sequence[Path]) -> None:
    """Remove what a folder holds but for what is kept, then each of the folders made that is empty, innermost first."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in made:
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def latest_run(root: Path = RUNS) -> Path:
    """The run folder whose settings were written last.

    Raises:
        RunFolderError: there is none.
    """
    found = sorted(root.glob("*/config.json"), key=lambda path: path.stat().st_mtime_ns)
    if not found:
        raise RunFolderError(f"no training run below {root.resolve()}; make one with lg-train, or name its folder")
    return found[-1].parent


def free_run(name: str, root: Path = RUNS) -> Path:
    """`runs/NAME`, or the first of `runs/NAME-2`, `runs/NAME-3` ... that does not exist yet."""
    path, number = root / name, 2
    while path.exists():
        path, number = root / f"{name}-{number}", number + 1
    return path
