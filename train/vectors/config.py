"""Settings of a run on vectors. The docs of the fields are the help of `lg-train`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from linguagen.models.errors import UsageError
from linguagen.train.network.shape import EncoderShape
from linguagen.train.run.settings import RunSettings, check_least, setting


@dataclass(frozen=True)
class EncoderConfig(EncoderShape):
    """Shape of the encoder of vectors."""

    segments: int = setting(12, "Pieces that a vector is cut into, of equal size or one number longer.")
    softening: float = setting(-0.05, "Closed-form start: each eigenvector is scaled by eigenvalue ** this.")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, 1, "segments")


@dataclass(frozen=True)
class ObjectiveConfig:
    """Weight of each loss term; 0 leaves a term out."""

    neighbourhood: float = setting(1.0, "Weight of the KL divergence between neighbour distributions in the batch.")
    temperature: float = setting(0.05, "Temperature of those distributions, in units of cosine.")
    half: float = setting(
        0.0, "Weight of that divergence for the first half of the dimensions, to make it usable alone."
    )
    pairwise: float = setting(50.0, "Weight of the squared change of all pair cosines, which holds them in place.")
    top_k: float = setting(0.0, "Weight of the absolute change of cosines to the 10 nearest in the batch.")
    cosine: float = setting(1.0, "Weight of 1 - cosine between a vector and its linear reconstruction.")


@dataclass(frozen=True)
class OptimiserConfig:
    """How the weights are found."""

    steps: int = setting(1000, "Optimiser steps.")
    members: int = setting(
        0,
        "Train this many linear maps first, each on three quarters of the origins (of the rows if origins are not "
        "known), and keep their mean as the linear part; each takes as many steps again.",
    )
    batch: int = setting(512, "Vectors per step and process.")
    learning_rate: float = setting(1e-3, "AdamW's rate for the linear parts at the start; falls to 0 by a cosine.")
    block_learning_rate: float = setting(3e-3, "AdamW's rate for the bilinear blocks at the start.")
    weight_decay: float = setting(0.01, "AdamW's weight decay.")
    subspace_rows: int = setting(
        64, "In each batch, weaken the span of this many random training vectors by a random share; 0 for none."
    )

    def __post_init__(self) -> None:
        check_least(self, 1, "steps")
        check_least(self, 0, "members")
        if self.members == 1:
            raise UsageError("--members is 1, which is no mean: expected 0, or 2 or more")
        if self.batch < 16:
            raise UsageError(f"--batch is {self.batch}, expected 16 or more: neighbours are learnt inside a batch")


@dataclass(frozen=True)
class VectorRunConfig(RunSettings):
    """One training run on vectors."""

    kind: ClassVar[str] = "vectors"

    encoder: EncoderConfig = EncoderConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    teacher: str = setting("unknown", "Name of the model that made the vectors, for the manifest.")
    held_out: float = setting(
        0.1,
        "Share of rows held out for validation: whole origins if NAME-source.npy lies next to NAME.npy, else at "
        "random.",
    )
    seconds: float = setting(0.0, "Take only as many steps as let the command end after this many seconds; 0 for all.")
    init: str = setting(
        "",
        "Fit one corpus, starting from what this model (a name or file) knows of its teacher; the recipe is chosen on "
        "held-out queries, then all rows are fitted.",
    )
    fixed: bool = setting(
        False, "The corpus of a fit does not grow: choose by the documents that are fitted, whatever later ones lose."
    )
    column: str = setting("", "Which column, array or dataset holds the vectors, if a file has several.")
    timed_steps: int = 0
    """Steps that fit into the seconds, once they were timed; 0 before."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, 0, "seconds")
        if self.optimiser.members and (self.seconds or self.init):
            other = "--seconds" if self.seconds else "--init"
            raise UsageError(f"--members trains {self.optimiser.members} maps before the run itself; leave {other} out")
        if self.init and self.encoder.directions != "none":
            raise UsageError(f"--directions is {self.encoder.directions!r}, but a fit is a linear map; expected 'none'")
        if self.fixed and not self.init:
            raise UsageError(
                "--fixed says how a fit is chosen, and this run is none; give --init MODEL, or leave it out"
            )
        if self.init and self.seconds:
            raise UsageError("--seconds bounds the steps of a training, and a fit takes few; leave it or --init out")

    @property
    def training_steps(self) -> int:
        """Optimiser steps that the run takes, without its members'."""
        return self.timed_steps or self.optimiser.steps

    @property
    def all_steps(self) -> int:
        """Steps of the run and of its members; the parts of a fit."""
        return FIT_PARTS if self.init else self.training_steps * (1 + self.optimiser.members)

    @property
    def logged(self) -> bool:
        """True if the run writes a log; a fit does not."""
        return not self.init

    @classmethod
    def for_fit(cls, values: Mapping[str, Any]) -> Self:
        """Settings of a fit from bare names, with the defaults of a fit.

        Raises:
            UsageError: a value that is not allowed, or a setting that a fit does not have.
        """
        for name in values:
            if name not in FIT_SETTINGS:
                option = name.replace("_", "-")
                raise UsageError(
                    f"--{option} is no setting of a fit, which is a linear map whose recipe is chosen on held-out "
                    f"queries; leave --{option} out, or train without --init"
                )
        return cls.from_flat({**_FIT_DEFAULTS, **values})


def check_dim(dim: int, width: int) -> None:
    """Refuse an embedding that is wider than the vectors.

    Raises:
        UsageError: it is.
    """
    if dim > width:
        raise UsageError(
            f"vectors of width {width} cannot be compressed to {dim} dimensions; give --dim {width} or less"
        )


FIT_PARTS = 4
"""Parts of a fit that a progress bar shows: closed forms, trainings, the table, the fit to all rows."""
FIT_SETTINGS = frozenset(
    {"inputs", "init", "dim", "teacher", "column", "held_out", "seed", "steps", "seconds", "device", "fixed"}
)
"""Settings that may be typed next to `--init`."""
_FIT_DEFAULTS: Mapping[str, Any] = {"steps": 100, "held_out": 0.2, "directions": "none"}
"""Defaults that `--init` replaces (docs/decisions/fitting.md)."""
