"""Words of a text with their places, divided as the English Web Treebank divides them: "do n't", "Kim 's", "15 - year".

A word is a piece of the text, never altered. Time grows linearly with the text: no repeat in a pattern is longer than
the word it finds, or it is bounded.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_REMEMBERED = 1 << 15
"""Runs of characters without a gap whose words are remembered, since few distinct ones make up most of a text."""
_LONG_RUN = 40
"""Longer runs are not remembered."""
MOST_WORDS = 512
"""Words of a sentence, at most, so that a text without full stops is read in bounded memory too."""

# What divides words and belongs to none: white space, control characters, characters without width.
_GAP = r"\s\x00-\x1f\x7f-\x9f\u200b\u2060\ufeff"
# What continues the letter or sign before it: accents, vowel signs, joiners, variants and skin colours of emoji.
_MARK = (
    r"\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903"
    r"\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u0a01-\u0a03\u0a3c-\u0a4d\u0a81-\u0a83"
    r"\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b57\u0b82\u0bbe-\u0bcd\u0c00-\u0c04\u0c3e-\u0c56\u0c81-\u0c83"
    r"\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0d81-\u0d83\u0dca-\u0ddf\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1"
    r"\u0eb4-\u0ebc\u0ec8-\u0ece\u0f18\u0f19\u0f35-\u0f39\u0f71-\u0f84\u0f90-\u0fbc\u102b-\u103e\u17b4-\u17d3"
    r"\u1ab0-\u1ace\u1dc0-\u1dff\u200c\u200d\u20d0-\u20f0\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f\U0001f3fb-\U0001f3ff"
)
_LETTER = rf"[\w{_MARK}]"
_QUOTE = "['\u2019]"
_ABBREVIATIONS = (
    "Dr Mr Mrs Ms St Ft Lt Gen Rev Gov Col Sen Rep Reps Sgt Capt Prof Jr Sr Hon Maj Inc Corp Co Ltd Bros Dept Univ "
    "Jan Feb Mar Apr Jun Jul Aug Sept Sep Oct Nov Dec Tue Tues Wed Thu Thur Thurs Fri Mon etc vs Ph Attn Ave Blvd "
    "Mt Vol Ext approx cf esp"
)
_PREFIXES = "e non co pre post anti pro multi mid re semi ex neo sub socio over intra inter ultra pseudo quasi psycho"
_UNITS = "am pm k m mm cm km kg g ft lb lbs oz mg ml min mins hr hrs yr yrs x mph mpg bn gb mb mhz"
_ENDS = "com org net edu gov mil info biz doc docx xls xlsx pdf txt html htm jpg jpeg png gif zip mp3 exe py url uk"


def _any_of(words: str) -> str:
    """A pattern for one of several words."""
    return "|".join(words.split())


_KINDS = (
    rf"""(?:(?:https?|ftp)://|www\.|mailto:)[^{_GAP}<>"]{{1,2000}}(?<![.,;:!?'")\]}}>])""",  # addresses of pages
    r"[\w.+%-]{1,64}@\w[\w.-]{0,250}(?<![.-])",  # e-mail
    rf"\w[\w#-]{{0,60}}(?:\.[\w-]{{1,60}}){{0,4}}\.(?i:{_any_of(_ENDS)})\b",  # sites and files
    r"[<>]?[:;=8][-o']?[()\[\]DPpO/\\|*]++(?!\w)|<3(?!\w)|\^_+\^|-_+-",  # faces
    r"\d{1,4}(?:-\d{3,4}){1,3}(?!\w)|\d{3}/\d{3}-\d{4}(?!\w)",  # telephone numbers
    rf"\d+(?:[.,:]\d+)*(?=(?i:{_any_of(_UNITS)})(?!{_LETTER}))|\d(?=/\d(?![\d/]))",  # the 5 of 5pm, the 1 of 1/2
    rf"(?:\+|'(?=\d\ds?\b))?\d+(?:[.,:/]\d+)*{_LETTER}*(?:{_QUOTE}s)?",  # numbers, dates, times
    rf"(?:[^\W\d_]\.){{2,}}(?:[^\W\d_](?!{_LETTER}))?|[A-Z]\.(?=[{_GAP}]+\S)",  # U.S., p.m., the M of John M. Smith
    rf"(?:{_any_of(_ABBREVIATIONS)})\.(?!\w|$)",
    rf"(?i:{_any_of(_PREFIXES)})-{_LETTER}+",  # e-mail, non-stop
    r"[A-Z]+(?:&[A-Z]+)+(?!\w)",  # AT&T
    rf"{_LETTER}+(?:{_QUOTE}{_LETTER}+)*",
    rf"{_QUOTE}{{2}}|{_QUOTE}(?i:s|m|d|ll|re|ve|em|n)(?!\w)",
    r"[.!?\u2026]{2,}|([-=_*#~+<>,`])\1+",  # dots, rules, ornaments
    rf"[\U0001f1e6-\U0001f1ff]{{2}}|[^{_GAP}](?:[{_MARK}]|(?<=\u200d)[^{_GAP}\w])*",  # flags; any other sign
)
"""Patterns of words; the first that fits at a place is the word there."""
_WORD = re.compile("|".join(f"(?:{kind})" for kind in _KINDS))

_SECOND = re.compile(
    rf"""(?i:.+?(n{_QUOTE}t|{_QUOTE}(?:s|m|re|ve|ll|d))
    |(?:do|does|did|ca|wo|would|could|should|is|are|was|were|has|have|had|ai)(nt)
    |(?:can)(not)|(?:gon|wan)(na)|(?:got)(ta)|(?:gim|lem)(me)
    |(?:that|what|there|he|she|who)(s)|(?:you|they)(re)|(?-i:[Ii](m|ve)))""",
    re.VERBOSE,
)
"""A word that is two; its group is the second."""
_RUN = re.compile(f"[^{_GAP}]+")
_ENDS_SENTENCE = re.compile("[.!?\u2026]+|[\u3002\uff01\uff1f]")
_NEEDS_NO_SPACE = frozenset("\u3002\uff01\uff1f")
_CLOSING = frozenset(")]}\"'\u2019\u201d\u00bb")
_BLANK_LINE = re.compile(r"\n\s*\n")


class Span(NamedTuple):
    """A piece of a text, from the character at `start` to the one before `end`."""

    start: int
    end: int


def split_words(text: str) -> list[Span]:
    """The words of a text, in order; none if it has nothing but white space and control characters.

    Signs are words of their own; addresses, numbers and times are whole. Where a script writes no spaces, such as
    Chinese, a word ends at a sign only.
    """
    return list(_words(text))


def sentences(text: str, most: int = MOST_WORDS) -> Iterator[list[Span]]:
    """Yield the words of each sentence of a text; only one sentence is held at a time.

    A sentence ends at a blank line, and at a full stop, question mark or exclamation mark, with the quotes and
    brackets that close after it, if a space and no small letter follow; Chinese and Japanese ones need no space.

    Args:
        text: any text.
        most: words of a sentence, at most; a longer one is cut.
    """
    sentence: list[Span] = []
    ended, spaced, place = False, True, 0
    for span in _words(text):
        gap, word = text[place : span.start], text[span.start : span.end]
        closes = ended and not gap and word in _CLOSING
        ends = ended and not closes and (gap or not spaced) and not word[0].islower()
        if sentence and (ends or len(sentence) == most or _BLANK_LINE.search(gap)):
            yield sentence
            sentence = []
        sentence.append(span)
        ended = closes or _ENDS_SENTENCE.fullmatch(word) is not None
        spaced = spaced if closes else word not in _NEEDS_NO_SPACE
        place = span.end
    if sentence:
        yield sentence


def _words(text: str) -> Iterator[Span]:
    """Yield the words of a text, one run of characters without a gap after the other."""
    for run in _RUN.finditer(text):
        start, end = run.span()
        # What follows the last run of a line is a line end or nothing.
        divide = _remembered if end - start <= _LONG_RUN else _divide
        for first, last in divide(run[0], text[end : end + 1] in "\r\n"):
            yield Span(start + first, start + last)


def _divide(run: str, last: bool) -> Iterator[tuple[int, int]]:
    """Yield the words in a run of characters without a gap; `last` is true for the last run of a line."""
    for match in _WORD.finditer(run if last else f"{run} -"):
        start, end = match.span()
        if start >= len(run):
            break
        if second := _SECOND.fullmatch(match[0]):
            middle = start + second.start(second.lastindex or 0)
            yield start, middle
            yield middle, end
        else:
            yield start, end


@lru_cache(_REMEMBERED)
def _remembered(run: str, last: bool) -> tuple[tuple[int, int], ...]:
    """Like `_divide`, but for a short run, whose words are remembered."""
    return tuple(_divide(run, last))
