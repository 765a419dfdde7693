"""The numbers that a tagger reads for a word; they depend on the word alone, so those of known words are remembered."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from linguagen.models.manifests.tagger import HashedFeature, WordFeatures
from linguagen.runtime.text.tokenizer import Tokenizer

_REMEMBERED = 1 << 16
"""Words whose rows are remembered."""
_READ_LETTERS = 64
"""Characters of a word that are read; the rest of a longer one changes nothing."""
_LONGEST_RUN = 3
"""Characters of one kind in a row that a shape tells apart: "Paris" has the shape of "Kraków"."""

FeatureRows = npt.NDArray[np.int32]


class WordReader:
    """Gives the feature rows of words. Threads can share one."""

    def __init__(self, features: WordFeatures, tokenizer: Tokenizer | None = None) -> None:
        """Keep what words are read with.

        Args:
            features: from the tagger's manifest.
            tokenizer: divides a word into pieces; None if `features` has no columns for them.
        """
        self.features, self.tokenizer = features, tokenizer
        self._remembered = lru_cache(_REMEMBERED)(self._read)

    def rows(self, words: Sequence[str]) -> FeatureRows:
        """Rows of the graph's table for each word.

        Args:
            words: none of them empty.

        Returns:
            (words, columns); 0 stands for a feature that a word does not have.
        """
        found = b"".join([self._remembered(word[:_READ_LETTERS]) for word in words])
        return np.frombuffer(found, np.int32).reshape(len(words), self.features.columns)

    def _read(self, word: str) -> bytes:
        """The feature rows (columns,) of one word."""
        rows: list[int] = []
        if self.tokenizer is not None:
            pieces = next(self.tokenizer.windows(word, self.features.piece_columns), [])
            rows += pieces + [0] * (self.features.piece_columns - len(pieces))
        first, lowered = self.features.pieces, word.lower()
        for feature in self.features.hashed:
            text = _text_of(feature, word, lowered)
            rows.append(first + crc32(f"{feature.kind}:{text}".encode()) % feature.rows if text else 0)
            first += feature.rows
        return np.array(rows, np.int32).tobytes()

    def __getstate__(self) -> dict[str, Any]:
        return {"features": self.features, "tokenizer": self.tokenizer}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def pad_rows(rows: Sequence[FeatureRows]) -> FeatureRows:
    """Feature rows of sentences, each (words, columns), as one array; shorter ones are filled up with zeros."""
    padded = np.zeros((len(rows), max(map(len, rows)), rows[0].shape[1]), np.int32)
    for place, each in zip(padded, rows, strict=True):
        place[: len(each)] = each
    return padded


def _text_of(feature: HashedFeature, word: str, lowered: str) -> str:
    """The text of a feature; empty if the word is shorter than the feature."""
    if feature.kind == "shape":
        return shape_of(word)
    if feature.kind == "form":
        return lowered
    if feature.letters > len(lowered):
        return ""
    return lowered[: feature.letters] if feature.kind == "prefix" else lowered[-feature.letters :]


def shape_of(word: str) -> str:
    """The shape of a word: "Xxxx" for "Apple", "dd" for "42", "X.X." for "U.S.".

    Capitals are X, small letters x, letters without case c, digits d; other characters stand for themselves. Of more
    than three of one kind in a row, three are written.
    """
    shape: list[str] = []
    for character in word:
        kind = _kind_of(character)
        if shape[-_LONGEST_RUN:] != [kind] * _LONGEST_RUN:
            shape.append(kind)
    return "".join(shape)


def _kind_of(character: str) -> str:
    """What stands for a character in a shape."""
    if character.isalpha():
        return "X" if character.isupper() else "x" if character.islower() else "c"
    return "d" if character.isdigit() else character
