"""Sentences with labels from files: CoNLL-U, or columns with one word per line (CoNLL, BIO)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from linguagen.models.errors import TextError, UsageError
from linguagen.models.manifests.tagger import OUTSIDE
from linguagen.runtime.text.conllu import FORM, UPOS, XPOS, columns_of, is_comment
from linguagen.runtime.text.lines import numbered_lines

LEAST_SENTENCES = 50
"""The fewest sentences that training takes."""
_COLUMNS = {"upos": UPOS, "xpos": XPOS}
"""Columns of CoNLL-U that have a name, counted from 0."""
_DOCUMENT = "-DOCSTART-"


class Sentence(NamedTuple):
    """The words of a sentence, and the label of each."""

    words: tuple[str, ...]
    labels: tuple[str, ...]


def read_sentences(names: Sequence[str], column: str, labels: Mapping[str, str]) -> list[Sentence]:
    """Read files one after another.

    Args:
        names: .conllu files, and others with one word per line, columns between tabs or spaces, and an empty line
            after each sentence; plain or packed (.xz, .gz, .bz2).
        column: of the labels: `auto`, `upos`, `xpos`, or a number counted from 1.
        labels: new names of labels, or of what follows B- and I-; see `read_labels_map`.

    Raises:
        TextError: a file that cannot be read or holds no sentence, or a line of another shape, by number.
        UsageError: there is no such column.
    """
    found: list[Sentence] = []
    for name in names:
        before = len(found)
        found += _sentences(name, column, labels)
        if len(found) == before:
            raise TextError(f"{name} holds no sentence; expected one word per line, its label in a later column")
    return found


def _sentences(name: str, column: str, labels: Mapping[str, str]) -> Iterator[Sentence]:
    """The sentences of one file; errors as in `read_sentences`."""
    conllu = ".conllu" in Path(name).suffixes
    place = _column(column, conllu)
    rows: list[tuple[str, str]] = []
    for number, line in numbered_lines(name):
        if line.strip():
            pair = _word(line, conllu, place, f"{name}, line {number}")
            if pair is not None:
                rows.append((pair[0], _renamed(pair[1], labels)))
        elif rows:
            yield Sentence(*zip(*rows, strict=True))
            rows = []
    if rows:
        yield Sentence(*zip(*rows, strict=True))


def _column(column: str, conllu: bool) -> int:
    """Index of the column of labels; -1 for the last.

    Raises:
        UsageError: it is no name or number of a column.
    """
    if column == "auto":
        return _COLUMNS["upos"] if conllu else -1
    if conllu and column in _COLUMNS:
        return _COLUMNS[column]
    if not column.isdecimal() or not 2 <= int(column) <= 100:
        raise UsageError(f"--column is {column!r}, expected auto, a number from 2, or for .conllu upos or xpos")
    return int(column) - 1


def _word(line: str, conllu: bool, place: int, where: str) -> tuple[str, str] | None:
    """The word and the label of a line; None for a comment, a range of words or an empty node.

    Raises:
        TextError: it has too few columns, or an empty one; `where` is for the message.
    """
    if conllu:
        cells = line.split("\t")
        if is_comment(line):
            return None
        if not cells[0].isdecimal():
            if cells[0].replace("-", "").replace(".", "").isdecimal():
                return None
            raise TextError(f"{where}: expected a word's number first, as CoNLL-U has it, got {line[:60]!r}")
        word = columns_of(line, where)[FORM]
    else:
        cells = line.split("\t") if "\t" in line else line.split()
        if cells[0] == _DOCUMENT:
            return None
        word = cells[0]
    if len(cells) < 2 or place >= len(cells):
        raise TextError(f"{where}: no label in column {max(place + 1, 2)}, expected word and label, got {line[:60]!r}")
    label = cells[place].strip()
    if not word.strip() or not label or not label.isprintable() or " " in label:
        raise TextError(f"{where}: expected a word and a label without spaces, got {line[:60]!r}")
    return word, label


def _renamed(label: str, labels: Mapping[str, str]) -> str:
    """A label by its new name; B- and I- stay, and what is renamed to O loses them."""
    if label in labels:
        return labels[label]
    start, kind = label[:2], label[2:]
    if start in ("B-", "I-") and kind in labels:
        return OUTSIDE if labels[kind] == OUTSIDE else start + labels[kind]
    return label


def read_labels_map(name: str) -> dict[str, str]:
    """Read new names of labels: two on each line, FROM TO.

    Raises:
        TextError: a file that cannot be read, a line of another shape, or a label that is there twice; by number.
    """
    found: dict[str, str] = {}
    for number, line in numbered_lines(name):
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 2 or parts[0] in found:
            raise TextError(f"{name}, line {number}: expected FROM TO, each FROM once, got {line[:60]!r}")
        found[parts[0]] = parts[1]
    return found


def label_set(sentences: Sequence[Sentence]) -> tuple[tuple[str, ...], str]:
    """All labels, and their scheme: `bio` if they are O, B-X and I-X, else `tags`.

    Raises:
        TextError: there is only one label, or an entity begins with I-.
    """
    seen = {label for sentence in sentences for label in sentence.labels}
    if len(seen) < 2:
        raise TextError(f"every word has the label {min(seen, default='')!r}; expected two labels or more")
    kinds = {label[2:] for label in seen if label[:2] in ("B-", "I-")}
    if OUTSIDE not in seen or not all(label == OUTSIDE or label[:2] in ("B-", "I-") for label in seen):
        return tuple(sorted(seen)), "tags"
    _check_starts(sentences)
    return (OUTSIDE, *(start + kind for kind in sorted(kinds) for start in ("B-", "I-"))), "bio"


def _check_starts(sentences: Sequence[Sentence]) -> None:
    """Refuse sentences in which an I- label continues nothing.

    Raises:
        TextError: with the words.
    """
    for sentence in sentences:
        for before, label, word in zip((OUTSIDE, *sentence.labels), sentence.labels, sentence.words, strict=False):
            if label.startswith("I-") and (before == OUTSIDE or before[2:] != label[2:]):
                raise TextError(
                    f"the word {word[:40]!r} has the label {label} after {before}; an entity begins with B-{label[2:]}"
                )
