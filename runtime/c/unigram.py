"""A SentencePiece model, read in the form that C uses: sorted words with their scores, and the normalizer's map."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linguagen.models.protobuf import MalformedError, as_message, read_fields
from linguagen.runtime.vectors import Array

_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_PIECE, _SCORE, _TYPE = 1, 2, 3
_NORMAL, _UNKNOWN, _CONTROL, _UNUSED, _BYTE = 1, 2, 3, 5, 6
_MODEL_TYPE, _SUFFIX, _BYTE_FALLBACK = 3, 24, 35
_MAP, _PREFIX, _REMOVES, _ESCAPES = 2, 3, 4, 5
_PENALTY = np.float32(10)
"""What a character that no word spells scores below the least word."""


@dataclass(frozen=True, eq=False)
class Unigram:
    """A unigram language model with byte fallback."""

    words: list[bytes]
    """The words (words,), sorted by their bytes."""
    numbers: npt.NDArray[np.uint32]
    """(words,): the piece of each word."""
    scores: Array
    """(words,): the logarithm of the probability of each word."""
    unknown_score: np.float32
    """Score of a character that no word spells."""
    bytes_: npt.NDArray[np.uint32]
    """(256,): the pieces of single bytes."""
    map: bytes
    """The double array of the normalizer, in units of 4 bytes."""
    replacements: bytes
    """What the map's values point to: texts that each end with a zero byte."""


def read_unigram(model: bytes) -> Unigram:
    """Read a SentencePiece model.

    Raises:
        ValueError: it is damaged, or of another kind or other settings than our trainer writes.
    """
    try:
        fields = [(number, as_message(value)) for number, value in read_fields(memoryview(model))]
        settings = {number: dict(_numbers(value)) for number, value in fields if number in (_TRAINER, _NORMALIZER)}
        _check_settings(settings.get(_TRAINER, {}), settings.get(_NORMALIZER, {}))
        pieces = [_piece(value) for number, value in fields if number == _PIECES]
        charsmap = [bytes(as_message(value)) for value in _values(fields, _NORMALIZER, _MAP)]
    except (MalformedError, struct.error) as error:
        raise ValueError(f"the tokenizer cannot be read: {error}") from error
    map_, replacements = _divided(charsmap[0] if charsmap else b"")
    types = {kind for _, _, kind in pieces}
    if not types <= {_NORMAL, _UNKNOWN, _CONTROL, _UNUSED, _BYTE}:
        raise ValueError("the tokenizer has pieces that a user defined")
    numbered = sorted((word, number) for number, (word, _, kind) in enumerate(pieces) if kind == _NORMAL)
    scores = np.array([pieces[number][1] for _, number in numbered], np.float32)
    spelt = {word: number for number, (word, _, kind) in enumerate(pieces) if kind == _BYTE}
    return Unigram(
        words=[word for word, _ in numbered],
        numbers=np.array([number for _, number in numbered], np.uint32),
        scores=scores,
        unknown_score=scores.min() - _PENALTY,
        bytes_=np.array([spelt[b"<0x%02X>" % value] for value in range(256)], np.uint32),
        map=map_,
        replacements=replacements,
    )


def _values(fields: list[tuple[int, memoryview]], message: int, field: int) -> Iterator[int | memoryview]:
    """The values of a field of a message that is itself a field."""
    for number, value in fields:
        if number == message:
            yield from (inner for key, inner in read_fields(value) if key == field)


def _numbers(message: memoryview) -> Iterator[tuple[int, int]]:
    """The fields of a message that hold numbers."""
    return ((number, value) for number, value in read_fields(message) if isinstance(value, int))


def _check_settings(trainer: dict[int, int], normalizer: dict[int, int]) -> None:
    """Refuse a model that C would read otherwise than SentencePiece.

    Raises:
        ValueError: it is no unigram model with byte fallback, or treats spaces in another way.
    """
    unigram = trainer.get(_MODEL_TYPE, 1) == 1 and trainer.get(_BYTE_FALLBACK, 0) == 1
    spaced = all(normalizer.get(key, 1) for key in (_PREFIX, _REMOVES, _ESCAPES)) and not trainer.get(_SUFFIX, 0)
    if not unigram or not spaced:
        raise ValueError("the tokenizer is no unigram model with byte fallback and one space before each word")


def _piece(message: memoryview) -> tuple[bytes, float, int]:
    """The bytes, score and type of a piece."""
    data = bytes(message)
    # Nearly all are written so: the bytes (fewer than 128), the score, and nothing for the usual type.
    if len(data) > 6 and data[0] == 0x0A and len(data) == data[1] + 7 and data[1] < 0x80 and data[data[1] + 2] == 0x15:
        return data[2:-5], struct.unpack("<f", data[-4:])[0], _NORMAL
    found = dict(read_fields(message))
    score = struct.unpack("<f", bytes(as_message(found[_SCORE])))[0] if _SCORE in found else 0.0
    kind = found.get(_TYPE, _NORMAL)
    return bytes(as_message(found[_PIECE])), score, kind if isinstance(kind, int) else 0


def _divided(charsmap: bytes) -> tuple[bytes, bytes]:
    """The double array and the replacements of a normalizer; both empty if it replaces nothing.

    Raises:
        ValueError: the two do not fill the map.
    """
    if not charsmap:
        return b"", b""
    size = int.from_bytes(charsmap[:4], "little")
    if size % 4 or size + 4 >= len(charsmap) or charsmap[-1]:
        raise ValueError("the normalizer's map is cut")
    return charsmap[4 : 4 + size], charsmap[4 + size :]
