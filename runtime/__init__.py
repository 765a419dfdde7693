"""The runtime: compress vectors, embed text and label words with a model file, numpy and onnxruntime.

>>> from linguagen.runtime import Compressor
>>> embeddings = Compressor.load("text-embedding-3-small").compress(vectors)  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linguagen.runtime.codes.codec import Codec
    from linguagen.runtime.encoders.compressor import Compressor
    from linguagen.runtime.encoders.expander import Expander
    from linguagen.runtime.encoders.tagger import Tagger
    from linguagen.runtime.encoders.text_encoder import TextEncoder
    from linguagen.runtime.index.index import Index

__all__ = ["Codec", "Compressor", "Expander", "Index", "Tagger", "TextEncoder"]
_MODULES = {
    "Codec": "codes.codec",
    "Compressor": "encoders.compressor",
    "Expander": "encoders.expander",
    "Index": "index.index",
    "Tagger": "encoders.tagger",
    "TextEncoder": "encoders.text_encoder",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for (PEP 562), so that nobody waits for what they do not use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
