"""What the commands do to the rows of a file: compress them, or expand them again."""

import numpy as np
import numpy.typing as npt

from linguagen.models.errors import TextError
from linguagen.models.manifests.document import EncoderManifest
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.codes.trellis import TrellisCodec
from linguagen.runtime.encoders.compressor import Compressor
from linguagen.runtime.encoders.expander import Expander
from linguagen.runtime.encoders.text_encoder import TextEncoder
from linguagen.runtime.reading.array_files import Rows
from linguagen.runtime.reading.maker import Maker
from linguagen.runtime.vectors import Array, unit_rows
from linguagen.runtime.writing.process import Task


def compress_task(compressor: Compressor, codec: Codec | TrellisCodec) -> Task:
    """The task that compresses vectors (rows, input_dim) to codes (rows, codec's columns)."""
    maker = Maker(compressor.manifest.name, compressor.manifest.file_sha256, codec.kind, codec.dim)
    identity = {"model": compressor.manifest.file_sha256, "codes": _described(codec)}
    return Task(lambda rows: codec.encode(compressor.run(rows)), codec.columns, codec.dtype, identity, maker=maker)


def embed_task(encoder: TextEncoder, codec: Codec | TrellisCodec) -> Task:
    """The task that embeds texts (texts, 1) to codes (texts, codec's columns)."""

    def embedded(chunk: Rows, first: int, origin: str) -> tuple[Array, int]:
        """Embeddings (texts, output_dim) of strings (texts, 1); texts are counted from 1 in messages."""
        try:
            return encoder.embed(chunk[:, 0].tolist(), first + 1), 0
        except TextError as error:
            raise TextError(f"{origin}: {error}") from error

    def empty(chunk: Rows) -> npt.NDArray[np.bool_]:
        """True for each of the texts (texts, 1) that has no token: (texts,)."""
        return np.array([encoder.tokenizer.is_empty(text) for text in chunk[:, 0]], bool)

    identity = {"model": encoder.manifest.file_sha256, "codes": _described(codec)}
    maker = Maker(encoder.manifest.name, encoder.manifest.file_sha256, codec.kind, codec.dim)
    return Task(codec.encode, codec.columns, codec.dtype, identity, embedded, maker, empty)


def encode_task(manifest: EncoderManifest, codec: Codec | TrellisCodec) -> Task:
    """The task that writes embeddings (rows, output_dim) of a model as codes (rows, codec's columns)."""
    maker = Maker(manifest.name, manifest.file_sha256, codec.kind, codec.dim)
    identity = {"model": manifest.file_sha256, "codes": _described(codec)}
    return Task(codec.encode, codec.columns, codec.dtype, identity, maker=maker)


def expand_task(expander: Expander, codec: Codec | TrellisCodec) -> Task:
    """The task that expands codes (rows, codec's columns) of whole embeddings to float32 vectors (rows, output_dim)."""

    def decoded(chunk: Rows, first: int, origin: str) -> tuple[Array, int]:
        """Embeddings (rows, dim) of length 1 from codes (rows, columns), and how many rows had to be scaled."""
        if codec.kind.startswith("float"):
            return unit_rows(chunk, first, origin)
        return np.ascontiguousarray(codec.decode(chunk)), 0

    maker = Maker(expander.manifest.name, expander.encoder.file_sha256, "vectors", expander.manifest.output_dim)
    identity = {"model": expander.manifest.file_sha256, "codes": _described(codec)}
    return Task(expander.run, expander.manifest.output_dim, np.dtype("<f4"), identity, decoded, maker)


def _described(codec: Codec | TrellisCodec) -> str:
    """What a journal says about codes, so that a run is not resumed with others."""
    return f"{codec.dim} x {codec.kind}, {codec.bytes_per_row} bytes"
