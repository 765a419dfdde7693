"""Texts misspelt at random, so that training meets words that no piece spells whole."""

import random
from collections.abc import Callable

_SHORTEST = 4
"""Letters of the shortest word that is misspelt: shorter ones become other words too easily."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def misspell(text: str, generator: random.Random) -> str:
    """Misspell one word of a text, once: two letters swapped, one left out, doubled, or replaced.

    These four are the common slips of Damerau ("A technique for computer detection and correction of spelling errors",
    1964), which found four of five misspellings to be a single one of them. The first letter is kept, as people do.

    Args:
        text: any string.
        generator: draws which word, where and how.

    Returns:
        The text with one word changed; unchanged if no word has four letters.
    """
    words = text.split(" ")
    long = [number for number, word in enumerate(words) if len(word) >= _SHORTEST and word.isalpha()]
    if not long:
        return text
    chosen = generator.choice(long)
    words[chosen] = generator.choice(_SLIPS)(words[chosen], generator)
    return " ".join(words)


def _swap(word: str, generator: random.Random) -> str:
    """Two neighbouring letters exchanged."""
    place = generator.randrange(1, len(word) - 1)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _leave_out(word: str, generator: random.Random) -> str:
    """One letter left out."""
    place = generator.randrange(1, len(word))
    return word[:place] + word[place + 1 :]


def _double(word: str, generator: random.Random) -> str:
    """One letter written twice."""
    place = generator.randrange(len(word))
    return word[:place] + word[place] + word[place:]


def _replace(word: str, generator: random.Random) -> str:
    """One letter replaced by another."""
    place = generator.randrange(1, len(word))
    return word[:place] + generator.choice(_LETTERS) + word[place + 1 :]


_SLIPS: tuple[Callable[[str, random.Random], str], ...] = (_swap, _leave_out, _double, _replace)
