"""What a training run is made of. The field docs are the help of `lg-train`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from linguagen.models.errors import RunFolderError, UsageError

DIRECTIONS = ("both", "forward", "backward", "none")


def setting(default: Any, doc: str) -> Any:
    """A dataclass field whose doc is shown by `lg-train --help`."""
    return field(default=default, metadata={"help": doc})


def check_least(config: Any, least: int, *names: str) -> None:
    """Refuse settings below a least value.

    Raises:
        UsageError: by the option's name.
    """
    for name in names:
        if getattr(config, name) < least:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} is {getattr(config, name)}, expected {least} or more")


def check_directions(directions: str) -> None:
    """Refuse directions that there are not.

    Raises:
        UsageError: with those there are.
    """
    if directions not in DIRECTIONS:
        raise UsageError(f"--directions is {directions!r}, expected one of {', '.join(DIRECTIONS)}")


def check_held_out(share: float) -> None:
    """Refuse a share of rows or texts that leaves nothing on one side.

    Raises:
        UsageError: it is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise UsageError(f"--held-out is {share}, expected between 0 and 1")


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of the encoder."""

    dim: int = setting(256, "Dimensions of an embedding.")
    segments: int = setting(12, "Equal pieces that a vector is cut into; its width must divide by this.")
    hidden: int = setting(1, "Bilinear units per segment, layer and direction.")
    layers: int = setting(1, "Bilinear GLU blocks in each direction.")
    directions: str = setting("both", "Which directions read the segments: both, forward, backward or none.")
    softening: float = setting(-0.05, "Closed-form start: each eigenvector is scaled by eigenvalue ** this.")

    def __post_init__(self) -> None:
        check_directions(self.directions)
        check_least(self, 1, "dim", "segments", "hidden", "layers")


@dataclass(frozen=True)
class ObjectiveConfig:
    """Weight of each loss term; 0 leaves a term out."""

    neighbourhood: float = setting(1.0, "Weight of the KL divergence between neighbour distributions in the batch.")
    temperature: float = setting(0.05, "Temperature of those distributions, in units of cosine.")
    half: float = setting(0.0, "Weight of the same on the first half of the dimensions, so that it can stand alone.")
    pairwise: float = setting(50.0, "Weight of the squared change of all pair cosines, which holds them in place.")
    top_k: float = setting(0.0, "Weight of the absolute change of cosines to the 10 nearest in the batch.")
    cosine: float = setting(1.0, "Weight of 1 - cosine between a vector and its linear reconstruction.")


@dataclass(frozen=True)
class OptimiserConfig:
    """How the weights are found."""

    steps: int = setting(1000, "Optimiser steps.")
    members: int = setting(
        0,
        "Train so many linear maps first, each on three quarters of the sources (of the rows where sources are not "
        "known), and keep their mean as the linear part; takes as many steps again for each.",
    )
    batch: int = setting(512, "Vectors per step and process.")
    learning_rate: float = setting(1e-3, "AdamW's rate for the linear parts at the start; falls to 0 by a cosine.")
    block_learning_rate: float = setting(3e-3, "The same for the bilinear blocks.")
    weight_decay: float = setting(0.01, "AdamW's weight decay.")
    patience: int = setting(8, "With --init: validations without gain on held-out queries before training stops.")
    subspace_rows: int = setting(
        64, "In each batch, weaken the span of so many random training vectors by a random share; 0 for none."
    )

    def __post_init__(self) -> None:
        check_least(self, 1, "steps")
        check_least(self, 0, "members")
        if self.members == 1:
            raise UsageError("--members is 1, which is no mean: expected 0, or 2 or more")
        if self.batch < 16:
            raise UsageError(f"--batch is {self.batch}, expected 16 or more: neighbours are learnt inside a batch")

    @property
    def all_steps(self) -> int:
        """Steps of the run and of its members."""
        return self.steps * (1 + self.members)


@dataclass(frozen=True)
class RunConfig:
    """One training run."""

    inputs: tuple[str, ...]
    encoder: EncoderConfig = EncoderConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    teacher: str = setting("unknown", "Name of the model that made the vectors, for the manifest.")
    seed: int = setting(0, "Same seed, same data, same machine: same weights.")
    held_out: float = setting(
        0.1,
        "Share of rows held out for validation: whole sources where NAME-source.npy lies beside, else at random.",
    )
    seconds: float = setting(0.0, "Take only as many steps as fit into so many seconds on this machine; 0 for all.")
    init: str = setting("", "Fit one corpus, starting from what this model (a name or file) knows of its teacher.")
    column: str = setting("", "Which column, array or dataset holds the vectors, where a file has several.")
    evaluate_every: int = setting(250, "Steps between validations and checkpoints.")
    device: str = setting("auto", "auto, cpu or cuda; auto takes CUDA where torch has it.")

    def __post_init__(self) -> None:
        check_held_out(self.held_out)
        check_least(self, 0, "seconds")
        check_least(self, 1, "evaluate_every")
        if self.optimiser.members and (self.seconds or self.init):
            other = "--seconds" if self.seconds else "--init"
            raise UsageError(f"--members trains {self.optimiser.members} maps before the run itself; leave {other} out")

    def to_json(self) -> str:
        """Write as JSON text."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str, origin: str) -> "RunConfig":
        """Read what `to_json` wrote.

        Raises:
            RunFolderError: another program or version wrote it.
        """
        try:
            document = json.loads(text)
            parts = {name: kind(**document.pop(name)) for name, kind in SECTIONS.items()}
            return cls(inputs=tuple(document.pop("inputs")), **parts, **document)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise RunFolderError(
                f"{origin}: not the settings of a run of this version ({error}); train again"
            ) from error


SECTIONS: Mapping[str, Any] = {
    "encoder": EncoderConfig,
    "objective": ObjectiveConfig,
    "optimiser": OptimiserConfig,
}


FIT_DEFAULTS: Mapping[str, Any] = {
    "temperature": 0.02,
    "steps": 800,
    "subspace_rows": 0,
    "held_out": 0.2,
    "evaluate_every": 50,
}
"""What `--init` changes unless asked otherwise, chosen on corpora left out of training (docs/decisions/fitting.md)."""


def flat_settings(config: RunConfig) -> dict[str, Any]:
    """Every setting by its bare name, as on the command line."""
    flat = {item.name: getattr(config, item.name) for item in fields(config) if item.name not in SECTIONS}
    for section in SECTIONS:
        flat |= asdict(getattr(config, section))
    return flat


def from_flat(settings: Mapping[str, Any]) -> RunConfig:
    """The other way: a run's configuration from bare names.

    Raises:
        UsageError: a value that cannot be.
    """
    rest = dict(settings)
    parts = {name: kind(**{item.name: rest.pop(item.name) for item in fields(kind)}) for name, kind in SECTIONS.items()}
    return RunConfig(**parts, **rest)
