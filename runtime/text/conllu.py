"""CoNLL-U: ten columns for each word, comments, and an empty line after each sentence (universaldependencies.org)."""

from collections.abc import Iterable, Iterator

from linguagen.models.errors import TextError
from linguagen.runtime.text.lines import numbered_lines

FORM, UPOS, XPOS, MISC = 1, 3, 4, 9
"""Columns of the word, its two parts of speech and everything else, counted from 0."""
_COLUMNS = 10
_COMMENT = "#"

Sentence = list[list[str]]
"""The lines of a sentence, each cut into its columns; a comment is one."""


def is_comment(line: str) -> bool:
    """True for a line that holds no word of the sentence."""
    return line.startswith(_COMMENT)


def columns_of(line: str, where: str) -> list[str]:
    """The ten columns of a line.

    Raises:
        TextError: it has another number of them; `where` is for the message.
    """
    cells = line.split("\t")
    if len(cells) != _COLUMNS:
        raise TextError(f"{where}: {len(cells)} columns, expected the {_COLUMNS} of CoNLL-U, tabs between")
    return cells


def read_sentences(origin: str) -> Iterator[Sentence]:
    """Yield the sentences of a file, with their comments and with lines that are no words.

    Raises:
        TextError: a line has not ten columns or no word, by its number; or the file has no word or cannot be read.
    """
    held: Sentence = []
    words = 0
    for number, line in numbered_lines(origin):
        if not line.strip():
            if held:
                yield held
            held = []
            continue
        where = f"{origin}, line {number}"
        columns = [line] if is_comment(line) else columns_of(line, where)
        if _is_word(columns):
            words += 1
            if not columns[FORM].strip():
                raise TextError(f"{where}: its word is empty, expected one in the second column")
        held.append(columns)
    if held:
        yield held
    if not words:
        raise TextError(f"{origin} is empty, expected at least one word")


def words_of(sentence: Sentence) -> list[str]:
    """The words of a sentence."""
    return [line[FORM] for line in sentence if _is_word(line)]


def set_labels(sentence: Sentence, labels: Iterable[str], entities: bool) -> None:
    """Write labels into a sentence: entities into the last column, parts of speech into their own."""
    for line, label in zip(filter(_is_word, sentence), labels, strict=True):
        if entities:
            line[MISC] = misc_with_entity(line[MISC], label)
        else:
            line[UPOS] = label


def misc_with_entity(misc: str, label: str) -> str:
    """The last column with a word's label for entities; what else it holds stays."""
    others = [each for each in misc.split("|") if each != "_" and not each.startswith("NER=")]
    return "|".join([*others, f"NER={label}"])


def _is_word(line: list[str]) -> bool:
    """True for a word; comments, ranges such as 1-2 and empty nodes such as 1.1 are none."""
    return len(line) == _COLUMNS and line[0].isdigit()
