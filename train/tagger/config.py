"""Settings of a tagger's run. The docs of the fields are the help of `lg-train tagger`."""

from dataclasses import dataclass
from typing import ClassVar

from linguagen.models.errors import UsageError
from linguagen.models.manifests.tagger import HashedFeature
from linguagen.train.run.settings import RunSettings, check_choice, check_least, setting

LOSSES = ("auto", "cross-entropy", "crf")
_AFFIXES = (("prefix", 1), ("prefix", 2), ("prefix", 3), ("suffix", 1), ("suffix", 2), ("suffix", 3), ("suffix", 4))
_ROWS = {1: 256, 2: 512, 3: 1024, 4: 2048}
"""Rows of the table for prefixes and suffixes, by their letters."""
_SHAPES = 256


@dataclass(frozen=True)
class TaggerShape:
    """Shape of the tagger."""

    width: int = setting(96, "Numbers in a row of the table.")
    hidden: int = setting(192, "Numbers that a word has between the layers.")
    convolutions: int = setting(2, "Gated convolutions, which read the nearest words.")
    layers: int = setting(1, "Bilinear GLU blocks after them, which read all words in both directions.")
    units: int = setting(64, "Bilinear units per word, layer and direction.")
    forms: int = setting(6000, "Rows of the table for whole words, which share them by a hash.")
    dropout: float = setting(0.2, "Share of the numbers of each layer that training leaves out, at random.")

    def __post_init__(self) -> None:
        check_least(self, 1, "width", "hidden", "units", "forms")
        check_least(self, 0, "convolutions", "layers")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"--dropout is {self.dropout}, expected from 0 to below 1")

    @property
    def hashed(self) -> tuple[HashedFeature, ...]:
        """The features of a word that a hash finds in the table."""
        affixes = (HashedFeature(kind, _ROWS[letters], letters) for kind, letters in _AFFIXES)
        return (HashedFeature("form", self.forms), *affixes, HashedFeature("shape", _SHAPES))


@dataclass(frozen=True)
class TaggerRunConfig(RunSettings):
    """One training run of a tagger."""

    kind: ClassVar[str] = "tagger"
    one_process: ClassVar[bool] = True

    encoder: TaggerShape = TaggerShape()
    init: str = setting("linguagen-en", "Take tokenizer and table from this text model; `none` reads no pieces.")
    dev: str = setting("", "Validate on this file instead of sentences held out of DATA.")
    column: str = setting(
        "auto", "Column of the labels: for CoNLL-U upos, xpos or a number; else a number; auto: upos, or the last."
    )
    labels_map: str = setting("", "File with two labels per line, FROM TO, by which labels are renamed.")
    loss: str = setting("auto", "cross-entropy, or crf (a chain that learns transitions); auto: crf for BIO labels.")
    crf: bool = setting(False, "Compare with a CRF too, trained on the same sentences; needs python-crfsuite.")
    steps: int = setting(4000, "Optimiser steps.")
    batch: int = setting(32, "Sentences per step.")
    learning_rate: float = setting(2e-3, "AdamW's rate at the start; falls to 0 by a cosine.")
    weight_decay: float = setting(0.01, "AdamW's weight decay.")
    word_dropout: float = setting(0.2, "Share of words whose form, or whose pieces, training leaves out, at random.")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self, LOSSES, "loss")
        check_least(self, 1, "batch", "steps")
        if not 0 <= self.word_dropout < 1:
            raise UsageError(f"--word-dropout is {self.word_dropout}, expected from 0 to below 1")

    @property
    def training_steps(self) -> int:
        """Optimiser steps to run."""
        return self.steps

    def learns_chain(self, scheme: str) -> bool:
        """Whether transitions between labels are learnt, for labels of this scheme."""
        return self.loss == "crf" or (self.loss == "auto" and scheme == "bio")
