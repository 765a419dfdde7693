"""The runtime: compress vectors, and embed text, with a model file, numpy and onnxruntime.

>>> from linguagen.runtime import Compressor
>>> embeddings = Compressor.load("text-embedding-3-small").compress(vectors)  # doctest: +SKIP
"""

from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.encoders.expander import Expander
from linguagen.runtime.encoders.text_encoder import TextEncoder

__all__ = ["Compressor", "Expander", "TextEncoder"]
