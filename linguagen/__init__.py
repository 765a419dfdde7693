"""LinguaGEN: compress API embeddings on the edge.

A map, no code:

* ``linguagen.train``    learns an encoder from vectors (torch; ``pip install '.[train]'`` in a checkout)
* ``linguagen.export``   writes it as one self-describing ONNX file (``pip install '.[export]'`` in a checkout)
* ``linguagen.runtime``  runs that file: numpy and onnxruntime only
* ``linguagen.models``   what a model file is, and the models that ship
"""

__version__ = "0.1.0"
