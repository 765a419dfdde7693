"""Text to tokens: a SentencePiece model, which travels inside the text model's file."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import MissingExtraError, ModelFileError, TextError

PADDING = 0
"""Token that fills up a batch of texts of different lengths."""

Tokens = npt.NDArray[np.int32]


class Tokenizer:
    """Cuts any text into pieces; what no piece spells is spelt in bytes, so that nothing is unknown.

    Unigram language model of Kudo, arXiv 1804.10959, section 3.2. Safe to share between threads.
    """

    def __init__(self, model: bytes, origin: str) -> None:
        """Load a tokenizer.

        Args:
            model: the bytes of a SentencePiece model.
            origin: the file that it came in, for messages.

        Raises:
            MissingExtraError: sentencepiece is not installed.
            ModelFileError: the bytes are no such model.
        """
        try:
            import sentencepiece
        except ImportError as error:
            raise MissingExtraError(
                f"text models need sentencepiece ({error}); install it: pip install 'linguagen[text]'"
            ) from error
        self.model, self._origin = model, origin
        self._processor: Any = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
        except RuntimeError as error:
            raise ModelFileError(
                f"{origin}: its tokenizer cannot be read ({error}); export or copy it again"
            ) from error
        self.pieces: int = self._processor.get_piece_size()

    def encode(self, texts: Sequence[str], start: int = 0, threads: int = 1) -> list[list[int]]:
        """Tokens of each text.

        Args:
            texts: any strings.
            start: number of the first, for messages.
            threads: of the processor, side by side.

        Raises:
            TextError: something that is no string, or a text without a token, by number.
        """
        for number, text in enumerate(texts, start):
            if not isinstance(text, str):
                raise TextError(f"text {number} is of type {type(text).__name__}, expected a string")
        tokens: list[list[int]] = self._processor.encode(list(texts), num_threads=threads)
        empty = [number for number, each in enumerate(tokens, start) if not each]
        if empty:
            raise TextError(
                f"{len(empty)} of {len(tokens)} texts are empty, the first is text {empty[0]} "
                f"({texts[empty[0] - start]!r}); leave them out"
            )
        return tokens

    def pieces_of(self, text: str) -> list[str]:
        """The pieces of a text, as they are spelt; a space is written as an underline."""
        pieces: list[str] = self._processor.encode(text, out_type=str)
        return pieces

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model, "origin": self._origin}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["model"], state["origin"])  # type: ignore[misc]


def pad(tokens: Sequence[Sequence[int]]) -> Tokens:
    """Token lists as (texts, longest), the rest PADDING."""
    padded = np.full((len(tokens), max(map(len, tokens))), PADDING, dtype=np.int32)
    for row, each in zip(padded, tokens, strict=True):
        row[: len(each)] = each
    return padded
