"""The trainer: learn an encoder from vectors or from text, with torch; `EmbeddingCompressor` is for scikit-learn.

>>> from linguagen.train import EmbeddingCompressor
>>> embeddings = EmbeddingCompressor(n_components=256).fit_transform(vectors)  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linguagen.train.estimator import EmbeddingCompressor

__all__ = ["EmbeddingCompressor"]


def __getattr__(name: str) -> object:
    """Load `EmbeddingCompressor` when it is asked for (PEP 562): the commands need no scikit-learn."""
    if name != "EmbeddingCompressor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from linguagen.train.estimator import EmbeddingCompressor

    return EmbeddingCompressor
