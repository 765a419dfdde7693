"""What the file of a tagger says about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from linguagen.models.manifests.document import FileManifest
from linguagen.models.manifests.fields import at_least_one

FEATURES_NAME, SCORES_NAME = "features", "scores"
"""The graph's input (batch, words, columns) and its output (batch, words, labels)."""
SCHEMES = ("tags", "bio")
OUTSIDE = "O"
HASHED_KINDS = ("form", "prefix", "suffix", "shape")


@dataclass(frozen=True)
class HashedFeature:
    """A feature of a word that is text, such as its last three letters; a hash of it chooses a row of the table."""

    kind: str
    """One of HASHED_KINDS."""
    rows: int
    """Rows of the table that this feature has for itself."""
    letters: int = 0
    """Letters of a prefix or suffix; 0 for the other kinds."""


@dataclass(frozen=True)
class WordFeatures:
    """How a word becomes numbers of rows in the first table of a tagger's graph.

    Row 0 stands for nothing and is zero. The rows of pieces follow, then those of each hashed feature, in order. A
    word has one column for each of its first pieces, then one for each hashed feature.
    """

    pieces: int
    """Pieces of the tokenizer, which have the rows before `pieces`; 1 if the tagger has no tokenizer."""
    piece_columns: int
    """Pieces of a word that are read; 0 if the tagger has no tokenizer."""
    hashed: tuple[HashedFeature, ...]

    @property
    def columns(self) -> int:
        """Numbers that a word becomes."""
        return self.piece_columns + len(self.hashed)

    @property
    def rows(self) -> int:
        """Rows of the whole table."""
        return self.pieces + sum(each.rows for each in self.hashed)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "WordFeatures":
        """Read the fields of a manifest.

        Raises:
            KeyError, TypeError: they are not those of features.
        """
        hashed = tuple(HashedFeature(**each) for each in document["hashed"])
        return cls(**{**document, "hashed": hashed})

    def check(self) -> None:
        """Check the sizes and the kinds.

        Raises:
            ValueError: one does not fit.
        """
        at_least_one(pieces=self.pieces, columns=self.columns)
        if self.piece_columns < 0 or (self.pieces == 1) != (self.piece_columns == 0):
            raise ValueError(f"{self.piece_columns} columns for the pieces of a tokenizer that has {self.pieces}")
        for each in self.hashed:
            at_least_one(rows=each.rows)
            if each.kind not in HASHED_KINDS:
                raise ValueError(f"a feature is {each.kind!r:.40}, expected one of {', '.join(HASHED_KINDS)}")
            if (each.letters > 0) != (each.kind in ("prefix", "suffix")):
                raise ValueError(f"a {each.kind} of {each.letters} letters")


@dataclass(frozen=True)
class TaggerFigure:
    """One figure on texts held out of training."""

    name: str
    tagger: float
    most_frequent: float
    """The figure of the control: every word gets the label that it had most often in training."""
    crf: float | None = None
    """The figure of a conditional random field over words, affixes and shapes; None if it was not measured."""


@dataclass(frozen=True, kw_only=True)
class TaggerManifest(FileManifest):
    """What the file of a tagger says about itself; `output_dim` is the number of labels."""

    key: ClassVar[str] = "linguagen-tagger"
    kind: ClassVar[str] = "a tagger"
    advice: ClassVar[str] = "it labels the words of texts: use lg-run tag, or Tagger"

    labels: tuple[str, ...]
    """The label of each score."""
    scheme: str
    """`tags`: every word has a label. `bio`: labels are O, B-X and I-X, which begin and continue an entity X."""
    features: WordFeatures
    transitions: tuple[tuple[float, ...], ...] = ()
    """What a label adds to the score of the next: (labels + 1, labels), the first row for the start of a sentence;
    empty if none were learnt."""
    window: int
    """Words that one call of the graph reads at most."""
    overlap: int
    """Words at each end of a window whose labels are taken from the neighbouring window."""
    sources: str = ""
    """Where the training texts come from, with their licences."""
    figures: tuple[TaggerFigure, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    """Data, settings and seed of the training run."""
    parity: Mapping[str, float] = field(default_factory=dict)
    """What the export gate measured against PyTorch."""

    @classmethod
    def _read_parts(cls, document: dict[str, Any]) -> dict[str, Any]:
        """Labels, features, transitions and figures; `document` loses them."""
        return {
            "labels": tuple(document.pop("labels")),
            "features": WordFeatures.from_document(document.pop("features")),
            "transitions": tuple(map(tuple, document.pop("transitions"))),
            "figures": tuple(TaggerFigure(**figure) for figure in document.pop("figures")),
        }

    def _check(self) -> None:
        """Check labels, features, transitions and windows.

        Raises:
            ValueError: they do not fit.
        """
        super()._check()
        self.features.check()
        self._check_labels()
        shape = [len(self.labels)] * (len(self.labels) + 1)
        if self.transitions and list(map(len, self.transitions)) != shape:
            raise ValueError(f"transitions are not {len(shape)} rows of {len(self.labels)}")
        if self.overlap < 0 or self.window <= 2 * self.overlap:
            raise ValueError(f"a window of {self.window} words has no word between overlaps of {self.overlap}")

    def _check_labels(self) -> None:
        """Check that labels can be written into columns, and that those of `bio` make entities.

        Raises:
            ValueError: they do not.
        """
        if len(set(self.labels)) != len(self.labels) or len(self.labels) != self.output_dim:
            raise ValueError(f"{self.output_dim} different labels are expected, there are {len(set(self.labels))}")
        for label in self.labels:
            if not label or not label.isprintable() or " " in label:
                raise ValueError(f"the label {label!r:.40} is empty or has a space or control character")
        if self.scheme not in SCHEMES:
            raise ValueError(f"scheme is {self.scheme!r:.40}, expected one of {', '.join(SCHEMES)}")
        if self.scheme == "bio":
            names = {label[2:] for label in self.labels if label != OUTSIDE}
            needed = {OUTSIDE} | {f"B-{name}" for name in names}
            if not needed <= set(self.labels) <= needed | {f"I-{name}" for name in names} or "" in names:
                raise ValueError("labels of the scheme bio are O, B-X for every X, and I-X")
