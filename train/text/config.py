"""What a run on raw text is made of. The field docs are the help of `lg-train --text`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from linguagen.models.errors import RunFolderError, UsageError
from linguagen.train.vectors.config import check_directions, check_held_out, check_least, setting


@dataclass(frozen=True)
class TextEncoderConfig:
    """Shape of the text encoder."""

    dim: int = setting(256, "Dimensions of an embedding.")
    width: int = setting(256, "Numbers in a row of the embedding table.")
    hidden: int = setting(64, "Bilinear units per token, layer and direction.")
    layers: int = setting(1, "Bilinear GLU blocks in each direction.")
    directions: str = setting("both", "Which directions read the tokens: both, forward, backward or none.")
    term_frequency_power: float = setting(1.0, "A piece that stands n times in a text counts n to this power; 0 to 1.")

    def __post_init__(self) -> None:
        check_directions(self.directions)
        check_least(self, 1, "dim", "width", "hidden", "layers")
        if not 0 <= self.term_frequency_power <= 1:
            raise UsageError(f"--term-frequency-power is {self.term_frequency_power}, expected from 0 to 1")


@dataclass(frozen=True)
class TextObjectiveConfig:
    """Weight of each loss term; 0 leaves a term out. Terms whose data is not given are left out too."""

    cosine: float = setting(1.0, "Weight of 1 - cosine between an embedding and the teacher's vector of the text.")
    neighbourhood: float = setting(1.0, "Weight of the KL divergence from the teacher's neighbours in the batch.")
    temperature: float = setting(0.05, "Temperature of neighbours and of contrasts, in units of cosine.")
    skip_gram: float = setting(1.0, "Weight of predicting a token's neighbours (word2vec).")
    negatives: int = setting(512, "Tokens that skip-gram draws to tell neighbours from, for each batch.")
    window: int = setting(5, "Neighbours of a token are at most so many tokens away.")
    simcse: float = setting(1.0, "Weight of finding a text from itself with other tokens dropped, among the batch.")
    contrastive: float = setting(1.0, "Weight of finding a text's pair among the batch.")


@dataclass(frozen=True)
class TextRunConfig:
    """One training run on raw text."""

    text: tuple[str, ...]
    encoder: TextEncoderConfig = TextEncoderConfig()
    objective: TextObjectiveConfig = TextObjectiveConfig()
    pairs: str = setting("", "Pairs of texts that belong together: two a line, a tab between (.tsv).")
    scored: str = setting("", "Pairs with a score of their likeness (.csv: text, text, score), to watch training by.")
    teacher: str = setting("", "A file of vectors, one for each text, that embeddings shall be like.")
    init: str = setting("", "Start from this text model (a name, a file, or a run's folder): tokenizer and weights.")
    collection: int = setting(0, "Fit the model of --init to the texts that it shall search: so many axes of theirs.")
    pieces: int = setting(24_000, "Pieces that the tokenizer cuts text into, at most.")
    steps: int = setting(4000, "Optimiser steps.")
    batch: int = setting(1024, "Texts per step.")
    learning_rate: float = setting(3e-3, "Adam's rate at the start; falls to 0 by a cosine.")
    longest: int = setting(128, "Tokens of a text that training reads; 4096 for --collection.")
    token_dropout: float = setting(0.1, "Share of a text's tokens that training leaves out, at random.")
    start_share: float = setting(0.3, "With a teacher: share of what training started from in the final weights.")
    misspelt: float = setting(0.1, "Share of a step's texts that have one word misspelt, at random.")
    held_out: float = setting(0.1, "Share of texts and of pairs held out for validation, 1,000 of each at most.")
    seed: int = setting(0, "Same seed, same data, same machine: same weights.")
    evaluate_every: int = setting(500, "Steps between validations and checkpoints.")
    device: str = setting("auto", "auto, cpu or cuda; auto takes CUDA where torch has it.")

    def __post_init__(self) -> None:
        check_least(self, 1, "steps", "longest", "evaluate_every")
        check_least(self, 16, "batch")
        check_least(self, 300, "pieces")
        check_least(self, 0, "collection")
        check_held_out(self.held_out)
        if self.collection and not self.init:
            raise UsageError("--collection fits a model that is there; name it with --init, as in --init linguagen-en")
        if self.collection and (self.teacher or self.pairs):
            raise UsageError("--collection is a closed form and trains on nothing; leave --teacher and --pairs out")
        for name in ("token_dropout", "start_share", "misspelt"):
            if not 0 <= (value := getattr(self, name)) < 1:
                raise UsageError(f"--{name.replace('_', '-')} is {value}, expected from 0 to below 1")

    @property
    def training_steps(self) -> int:
        """None for a collection's closed form."""
        return 0 if self.collection else self.steps

    def to_json(self) -> str:
        """Write as JSON text."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str, origin: str) -> "TextRunConfig":
        """Read what `to_json` wrote.

        Raises:
            RunFolderError: another program or version wrote it, or it is a run on vectors.
        """
        try:
            document = json.loads(text)
            parts = {name: kind(**document.pop(name)) for name, kind in TEXT_SECTIONS.items()}
            return cls(text=tuple(document.pop("text")), **parts, **document)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise RunFolderError(
                f"{origin}: not the settings of a run on text of this version ({error}); train again"
            ) from error


TEXT_SECTIONS: Mapping[str, Any] = {"encoder": TextEncoderConfig, "objective": TextObjectiveConfig}


def text_settings(given: Mapping[str, Any]) -> TextRunConfig:
    """A configuration from bare names, defaults for those not given.

    Raises:
        UsageError: a value that cannot be, or a setting that text does not have.
    """
    rest = dict(given)
    parts = {
        name: kind(**{item.name: rest.pop(item.name) for item in fields(kind) if item.name in rest})
        for name, kind in TEXT_SECTIONS.items()
    }
    known = {item.name for item in fields(TextRunConfig)}
    for name in rest:
        if name not in known:
            raise UsageError(f"--{name.replace('_', '-')} is for vectors and means nothing with --text; leave it out")
    return TextRunConfig(**parts, **rest)
