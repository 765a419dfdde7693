"""Settings of a run on raw text. The docs of the fields are the help of `lg-train text`."""

from dataclasses import dataclass
from typing import ClassVar

from linguagen.models.errors import UsageError
from linguagen.train.network.shape import EncoderShape
from linguagen.train.run.settings import RunSettings, check_least, setting


@dataclass(frozen=True)
class TextEncoderConfig(EncoderShape):
    """Shape of the text encoder."""

    hidden: int = setting(64, "Bilinear units per token, layer and direction.")
    width: int = setting(256, "Numbers in a row of the embedding table.")
    term_frequency_power: float = setting(1.0, "A piece that occurs n times in a text counts n to this power; 0 to 1.")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, 1, "width")
        if not 0 <= self.term_frequency_power <= 1:
            raise UsageError(f"--term-frequency-power is {self.term_frequency_power}, expected from 0 to 1")


@dataclass(frozen=True)
class TextObjectiveConfig:
    """Weight of each loss term; 0 leaves a term out. Terms whose data is not given are left out too."""

    cosine: float = setting(1.0, "Weight of 1 - cosine between an embedding and the text's target vector.")
    neighbourhood: float = setting(1.0, "Weight of the KL divergence from the targets' neighbours in the batch.")
    temperature: float = setting(0.05, "Temperature of neighbours and of contrasts, in units of cosine.")
    skip_gram: float = setting(1.0, "Weight of predicting a token's neighbours (word2vec).")
    negatives: int = setting(512, "Random tokens per batch that skip-gram contrasts with neighbours.")
    window: int = setting(5, "Most tokens between a token and a neighbour that skip-gram predicts.")
    simcse: float = setting(1.0, "Weight of finding a text from itself with other tokens dropped, among the batch.")
    contrastive: float = setting(1.0, "Weight of finding a text's pair among the batch.")


@dataclass(frozen=True)
class TextRunConfig(RunSettings):
    """One training run on raw text."""

    kind: ClassVar[str] = "text"
    one_process: ClassVar[bool] = True

    encoder: TextEncoderConfig = TextEncoderConfig()
    objective: TextObjectiveConfig = TextObjectiveConfig()
    pairs: str = setting("", "Pairs of texts that belong together: two on each line, with a tab between (.tsv).")
    scored: str = setting("", "Pairs with a similarity score (.csv: text, text, score), to watch training by.")
    targets: str = setting("", "Target vectors, one per text, for the embeddings to match: a file of vectors.")
    init: str = setting("", "Start from this text model (a name, a file, or a run's folder): tokenizer and weights.")
    collection: int = setting(0, "Fit the model of --init to the texts that it will search: number of axes to add.")
    pieces: int = setting(24_000, "Most pieces that the tokenizer may have.")
    steps: int = setting(4000, "Optimiser steps.")
    batch: int = setting(1024, "Texts per step.")
    learning_rate: float = setting(3e-3, "Adam's rate at the start; falls to 0 by a cosine.")
    longest: int = setting(128, "Tokens of a text that training reads; 4096 for --collection.")
    token_dropout: float = setting(0.1, "Share of a text's tokens that training leaves out, at random.")
    start_share: float = setting(0.3, "With --targets: share of the starting weights in the final weights.")
    misspelt: float = setting(0.1, "Share of a step's texts that have one word misspelt, at random.")
    held_out: float = setting(0.1, "Share of texts and of pairs held out for validation, 1,000 of each at most.")
    evaluate_every: int = setting(500, "Steps between validations and checkpoints.")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, 1, "steps", "longest")
        check_least(self, 16, "batch")
        check_least(self, 300, "pieces")
        check_least(self, 0, "collection")
        if self.collection and not self.init:
            raise UsageError("--collection fits an existing model; name it with --init, as in --init linguagen-en")
        if self.collection and (self.targets or self.pairs):
            raise UsageError("--collection is a closed form and trains on nothing; leave --targets and --pairs out")
        for name in ("token_dropout", "start_share", "misspelt"):
            if not 0 <= (value := getattr(self, name)) < 1:
                raise UsageError(f"--{name.replace('_', '-')} is {value}, expected from 0 to below 1")

    @property
    def training_steps(self) -> int:
        """Optimiser steps to run; 0 when fitting a collection, which is solved directly."""
        return 0 if self.collection else self.steps
