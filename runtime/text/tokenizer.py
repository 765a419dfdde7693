"""Text to tokens with a SentencePiece model, which is stored inside the text model's file."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import MissingExtraError, ModelFileError, TextError
from linguagen.runtime.columns import text_list

PADDING = 0
"""The token after the end of the shorter texts of a batch."""

BLOCK_CHARACTERS = 1 << 20
"""Characters that are read and tokenized at a time, about, so that memory stays flat for any input."""
LONG_CHARACTERS = 16_384
"""A longer text is tokenized in parts of at most this many characters: memory and time for one grow with its length."""

Tokens = npt.NDArray[np.int32]


def import_sentencepiece() -> Any:
    """The sentencepiece package.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import sentencepiece
    except ImportError as error:
        raise MissingExtraError.of("text models need sentencepiece", error, "sentencepiece") from error
    return sentencepiece


class Tokenizer:
    """Divides any text into pieces; what no piece spells becomes bytes, so that nothing is unknown.

    The unigram language model of Kudo, arXiv 1804.10959, section 3.2. Threads can share one.
    """

    def __init__(self, model: bytes, origin: str) -> None:
        """Load a tokenizer.

        Args:
            model: the bytes of a SentencePiece model.
            origin: the file that holds it, for messages.

        Raises:
            MissingExtraError: sentencepiece is not installed.
            ModelFileError: the bytes are not a SentencePiece model.
        """
        sentencepiece = import_sentencepiece()
        self.model, self._origin = model, origin
        self._processor: Any = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
        except RuntimeError as error:
            raise ModelFileError(
                f"{origin}: its tokenizer cannot be read ({error}); export or copy it again"
            ) from error
        self.pieces: int = self._processor.get_piece_size()

    def tokenize(self, texts: Sequence[str], first: int = 0, threads: int = 1) -> list[list[int]]:
        """Tokens of each text, as numbers of the model's pieces.

        Args:
            texts: any strings.
            first: number of the first text, for messages.
            threads: CPU threads.

        Raises:
            TextError: a text is not a string, or has no token; the message has its number.
        """
        check_strings(texts, first)
        tokens: list[list[int]] = self._processor.encode(list(texts), num_threads=threads)
        refuse_empty([number for number, each in enumerate(tokens) if not each], texts, first)
        return tokens

    def is_empty(self, text: str) -> bool:
        """True if a text has no token: it is empty, or all of its characters count as nothing."""
        return next(self.windows(text, 1), None) is None

    def windows(self, text: str, size: int) -> Iterator[list[int]]:
        """Tokens of a text of any length, in lists of `size`, the last one shorter; none if the text has no token.

        They are those of `tokenize`, but for a space between two parts of a text that has `LONG_CHARACTERS` characters
        in a row without one.
        """
        held: list[int] = []
        for part in text_parts(text, LONG_CHARACTERS):
            held += self._processor.encode(part)
            while len(held) >= size:
                yield held[:size]
                held = held[size:]
        if held:
            yield held

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model, "origin": self._origin}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["model"], state["origin"])  # type: ignore[misc]


def checked_texts(texts: Any, first: int) -> list[str]:
    """Texts in any form that `text_list` reads, or a single one, as a list; `first` is the number of the first text.

    Raises:
        TextError: one is not a string, or is no Unicode text.
    """
    listed: list[str] = [texts] if isinstance(texts, str) else text_list(texts)
    check_strings(listed, first)
    return listed


def check_strings(texts: Sequence[object], first: int) -> None:
    """Refuse texts that are not strings, or that UTF-8 cannot write; `first` is the number of the first text.

    Raises:
        TextError: with the number of the first one.
    """
    for number, text in enumerate(texts, first):
        if not isinstance(text, str):
            raise TextError(f"text {number} is of type {type(text).__name__}, expected a string")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise TextError(
                f"text {number} has the character {error.object[error.start]!r}, half of a surrogate pair, which is no "
                "Unicode text; write it as UTF-8 again"
            ) from error


def refuse_empty(empty: Sequence[int], texts: Sequence[str], first: int) -> None:
    """Refuse texts that have no token; `empty` are their places, and `first` is the number of the first text.

    Raises:
        TextError: with the number of the first one, if there is one.
    """
    if empty:
        raise TextError(
            f"{len(empty)} of {len(texts)} texts are empty, the first is text {first + empty[0]} "
            f"({texts[empty[0]][:40]!r}); leave them out"
        )


def text_parts(text: str, longest: int) -> Iterator[str]:
    """Cut a text into parts of at most this many characters: before the last space or line end, if there is one."""
    start = 0
    while len(text) - start > longest:
        limit = start + longest
        space = max(text.rfind(end, start + 1, limit + 1) for end in " \n")
        end = space if space > 0 else limit
        yield text[start:end]
        start = end
    yield text[start:]


def pad(tokens: Sequence[Sequence[int]]) -> Tokens:
    """Token lists as one array (texts, tokens of the longest), shorter ones filled up with PADDING."""
    padded = np.full((len(tokens), max(map(len, tokens))), PADDING, dtype=np.int32)
    for row, each in zip(padded, tokens, strict=True):
        row[: len(each)] = each
    return padded
