"""The base of a run's settings: to and from JSON, to and from the command line's names, and the checks they share."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, Self, get_type_hints

from linguagen.models.errors import RunFolderError, UsageError


def setting(default: Any, doc: str) -> Any:
    """A dataclass field that is an option of a command; its doc is the option's help."""
    return field(default=default, metadata={"help": doc})


def sections(settings: type) -> dict[str, type]:
    """The fields of a settings class that are settings classes themselves, by name."""
    hints = get_type_hints(settings).items()
    return {name: kind for name, kind in hints if isinstance(kind, type) and is_dataclass(kind)}


@dataclass(frozen=True)
class RunSettings(ABC):
    """Settings of a training run, whatever its kind. Fields may be sections: dataclasses of settings of their own."""

    kind: ClassVar[str]
    """Name of the kind of run, as in `train/kinds.py`."""
    one_process: ClassVar[bool] = False
    """True if several processes cannot share the run."""

    inputs: tuple[str, ...]
    """Files that the run learns from."""
    seed: int = setting(0, "Same seed, same data, same machine: same weights.")
    held_out: float = setting(0.1, "Share of the inputs held out for validation.")
    evaluate_every: int = setting(250, "Steps between validations and checkpoints.")
    device: str = setting("auto", "auto, cpu or cuda; auto takes CUDA where torch has it.")

    def __post_init__(self) -> None:
        check_least(self, 1, "evaluate_every")
        if not 0 < self.held_out < 1:
            raise UsageError(f"--held-out is {self.held_out}, expected between 0 and 1")

    @property
    @abstractmethod
    def training_steps(self) -> int:
        """Optimiser steps that the run takes."""

    @property
    def all_steps(self) -> int:
        """Steps that a progress bar shows: `training_steps` and those of trainings inside the run."""
        return self.training_steps

    @property
    def logged(self) -> bool:
        """True if the run writes a log for TensorBoard."""
        return self.training_steps > 0

    def to_json(self) -> str:
        """Write as JSON text."""
        return json.dumps({"kind": self.kind, **asdict(self)}, indent=2)

    @classmethod
    def from_json(cls, text: str, origin: str) -> Self:
        """Read what `to_json` wrote.

        Args:
            text: JSON.
            origin: the file it came from, for messages.

        Raises:
            RunFolderError: another kind of run or another version wrote it.
        """
        try:
            document = json.loads(text)
            kind = document.pop("kind")
            if kind != cls.kind:
                raise RunFolderError(f"{origin}: a run of kind {kind!r}, expected {cls.kind!r}; use lg-train {kind}")
            parts = {name: section(**document.pop(name)) for name, section in sections(cls).items()}
            return cls(inputs=tuple(document.pop("inputs")), **parts, **document)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise RunFolderError(
                f"{origin}: not the settings of a run of this version ({error}); train again"
            ) from error

    def flat(self) -> dict[str, Any]:
        """Every setting by its bare name, as on the command line; sections are opened."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in sections(type(self)):
            values |= asdict(values.pop(name))
        return values

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> Self:
        """Make settings from bare names, with defaults for those that are absent.

        Raises:
            UsageError: a value that is not allowed.
        """
        rest = dict(values)
        for name, section in sections(cls).items():
            rest[name] = section(**{item.name: rest.pop(item.name) for item in fields(section) if item.name in rest})
        return cls(**rest)


def check_least(settings: Any, least: int, *names: str) -> None:
    """Refuse settings below a least value.

    Raises:
        UsageError: by the option's name.
    """
    for name in names:
        if getattr(settings, name) < least:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} is {getattr(settings, name)}, expected {least} or more")


def check_choice(settings: Any, choices: Sequence[str], name: str) -> None:
    """Refuse a setting that is none of the choices.

    Raises:
        UsageError: by the option's name, with the choices.
    """
    if (value := getattr(settings, name)) not in choices:
        raise UsageError(f"--{name.replace('_', '-')} is {value!r}, expected one of {', '.join(choices)}")
