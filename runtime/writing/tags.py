"""Texts with tags as files: JSON lines, CoNLL-U, columns, what displaCy draws, and a page that shows them in colour."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from linguagen.models.errors import UsageError
from linguagen.models.manifests.tagger import OUTSIDE
from linguagen.runtime.console import json_line, printable
from linguagen.runtime.text.conllu import misc_with_entity
from linguagen.runtime.text.tagged import TaggedSentence, TaggedText
from linguagen.runtime.text.words import Span

_GOLDEN_ANGLE = 137.5
"""Degrees between the hues of two labels that follow each other, so that any number of labels differ well."""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tags</title><style>
:root { color-scheme: light dark; --light: 88%; }
@media (prefers-color-scheme: dark) { :root { --light: 28%; } }
body { font: 1rem/2.2 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
p { white-space: pre-wrap; overflow-wrap: anywhere; }
mark { color: inherit; padding: .15em .3em; border-radius: .3em; background: hsl(var(--hue) 70% var(--light)); }
mark small { margin-left: .4em; font-weight: bold; font-size: .65em; }
</style></head><body>
"""


class TagFormat(NamedTuple):
    """How texts with tags are written to a file."""

    render: Callable[[TaggedText], str]
    before: str = ""
    between: str = ""
    after: str = ""

    def lines(self, texts: Iterable[TaggedText]) -> Iterator[str]:
        """Yield the parts of a file with these texts, in order."""
        yield self.before
        for number, text in enumerate(texts):
            yield (self.between if number else "") + self.render(text)
        yield self.after


def tag_format(name: str, labels: Sequence[str]) -> TagFormat:
    """A format by its name.

    Args:
        name: one of FORMATS.
        labels: all labels of the tagger, whose places choose colours.
    """
    kinds = list(dict.fromkeys(label.split("-", 1)[-1] if label[:2] in ("B-", "I-") else label for label in labels))
    hues = {label: round(number * _GOLDEN_ANGLE) % 360 for number, label in enumerate(kinds)}
    formats = {
        "jsonl": TagFormat(_json_line),
        "conllu": TagFormat(lambda text: _conllu(text, entities=OUTSIDE in labels)),
        "bio": TagFormat(_columns),
        "json": TagFormat(_displacy, "[", ",\n ", "]\n"),
        "html": TagFormat(lambda text: _paragraph(text, hues), _PAGE, "", "</body></html>\n"),
    }
    return formats[name]


FORMATS = ("jsonl", "conllu", "bio", "json", "html")
"""JSON lines, CoNLL-U, columns of word and label, displaCy's list of documents, a page."""


def format_name(to: str | None, output: Path | None, default: str) -> str:
    """The format to write: the one asked for, that of the output's ending, or the default.

    Raises:
        UsageError: there is no such format, or the output has the ending of none.
    """
    if to is None and output is not None and output.suffix:
        to = output.suffix.lower().removeprefix(".")
    name = default if to is None else to
    if name not in FORMATS:
        raise UsageError(f"no format {name!r} for tags: expected --to {', '.join(FORMATS)}, or one of these as ending")
    return name


def _json_line(text: TaggedText) -> str:
    """A text and its tags as a line of JSON."""
    tags = [tag._asdict() for tag in text.tags]
    return json_line({"text": text.text, "tags": tags}) + "\n"


def _displacy(text: TaggedText) -> str:
    """A text and its tags as spaCy's displaCy draws them by hand."""
    ents = [{"start": tag.start, "end": tag.end, "label": tag.label} for tag in text.tags]
    return json_line({"text": text.text, "ents": ents, "title": None})


def _columns(text: TaggedText) -> str:
    """A word and its label on each line, and an empty line after each sentence."""
    return "".join(
        "".join(f"{text.text[word.start : word.end]}\t{label}\n" for word, label in _labelled(sentence)) + "\n"
        for sentence in text.sentences
    )


def _conllu(text: TaggedText, entities: bool) -> str:
    """The sentences of a text in CoNLL-U; labels of entities are in the last column, parts of speech in the fourth."""
    return "".join(_conllu_sentence(text.text, sentence, entities) for sentence in text.sentences)


def _conllu_sentence(text: str, sentence: TaggedSentence, entities: bool) -> str:
    """A sentence of a text in CoNLL-U."""
    words = sentence.words
    lines = [f"# text = {' '.join(text[words[0].start : words[-1].end].split())}\n"]
    for number, (word, label) in enumerate(_labelled(sentence)):
        joined = number + 1 < len(words) and words[number + 1].start == word.end
        misc = "SpaceAfter=No" if joined else "_"
        upos, misc = ("_", misc_with_entity(misc, label)) if entities else (label, misc)
        form = text[word.start : word.end]
        lines.append(f"{number + 1}\t{form}\t_\t{upos}\t_\t_\t_\t_\t_\t{misc}\n")
    return "".join(lines) + "\n"


def _labelled(sentence: TaggedSentence) -> Iterator[tuple[Span, str]]:
    """The words of a sentence, each with its label."""
    return zip(sentence.words, sentence.labelled.labels, strict=True)


def _paragraph(text: TaggedText, hues: dict[str, int]) -> str:
    """A text as a paragraph whose tags are coloured; everything in it is escaped."""
    parts, done = [], 0
    for tag in text.tags:
        parts.append(_html(text.text[done : tag.start]))
        mark = f'<mark style="--hue: {hues[tag.label]}" title="{tag.score:.2f}">'
        parts.append(f"{mark}{_html(tag.text)}<small>{_html(tag.label)}</small></mark>")
        done = tag.end
    return f"<p>{''.join(parts)}{_html(text.text[done:])}</p>\n"


def _html(text: str) -> str:
    """Text as HTML: markup is escaped, and so are control characters and marks of direction; line ends stay."""
    return escape("\n".join(map(printable, text.split("\n"))))
