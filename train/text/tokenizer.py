"""Train the tokenizer on the corpus itself."""

import io
import random
from collections.abc import Sequence

from linguagen.models.errors import TrainingError
from linguagen.runtime.text.tokenizer import PADDING, import_sentencepiece

_MOST_TEXTS = 300_000
"""Texts that a tokenizer is trained on; more change few pieces and take longer."""
_UNKNOWN = 1
"""Token of what no piece spells, which byte fallback leaves nothing for."""


def train_tokenizer(texts: Sequence[str], pieces: int, seed: int) -> bytes:
    """A SentencePiece unigram model with byte fallback, case folded (Kudo, arXiv 1804.10959).

    Args:
        texts: the corpus.
        pieces: the most pieces it may have; a small corpus has fewer.
        seed: draws the texts that are read if there are very many.

    Raises:
        MissingExtraError: sentencepiece is not installed.
        TrainingError: the texts do not make a tokenizer.
    """
    sentencepiece = import_sentencepiece()
    drawn = random.Random(seed).sample(list(texts), min(len(texts), _MOST_TEXTS))
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(drawn),
            model_writer=model,
            vocab_size=pieces,
            hard_vocab_limit=False,
            model_type="unigram",
            byte_fallback=True,
            normalization_rule_name="nmt_nfkc_cf",
            pad_id=PADDING,
            unk_id=_UNKNOWN,
            bos_id=-1,
            eos_id=-1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise TrainingError(
            f"{len(texts)} texts do not make a tokenizer of {pieces} pieces ({str(error)[-160:]}); "
            "give more text, or ask for other --pieces"
        ) from error
    return model.getvalue()
