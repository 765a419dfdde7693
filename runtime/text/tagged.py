"""Texts whose words have labels: what a tagger gives, and what every format of tags is written from."""

from collections.abc import Iterator
from typing import NamedTuple

from linguagen.runtime.text.labels import Labelled
from linguagen.runtime.text.words import Span


class Tag(NamedTuple):
    """A piece of a text with a label: a word with its part of speech, or a named entity."""

    start: int
    """Place of its first character in the text."""
    end: int
    """Place after its last character."""
    text: str
    """The piece itself, `source[start:end]`."""
    label: str
    score: float
    """Probability, under the model, that exactly these words have this label; rounded to four decimals."""


class TaggedSentence(NamedTuple):
    """The words of a sentence, with what was found in them."""

    words: list[Span]
    labelled: Labelled

    def tags(self, text: str) -> Iterator[Tag]:
        """Yield the tags of a sentence of this text."""
        for first, end, label, score in self.labelled.groups:
            span = Span(self.words[first].start, self.words[end - 1].end)
            yield Tag(*span, text[span.start : span.end], label, round(score, 4))


class TaggedText(NamedTuple):
    """A text with its sentences, in order."""

    text: str
    sentences: list[TaggedSentence]

    @property
    def tags(self) -> list[Tag]:
        """The tags of all sentences."""
        return [tag for sentence in self.sentences for tag in sentence.tags(self.text)]
