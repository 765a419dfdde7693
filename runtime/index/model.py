"""The model of an index: it embeds what is added and what is asked for, and its statistics read the codes."""

from functools import cached_property
from pathlib import Path
from typing import Any

from linguagen.models.catalogue import find_model
from linguagen.models.errors import IndexFileError, UnknownModelError, UsageError
from linguagen.models.manifests.text import TextManifest
from linguagen.models.manifests.vectors import Manifest
from linguagen.models.model_file import read_encoder_file
from linguagen.runtime.codes.codec import Codec
from linguagen.runtime.codes.trellis import KIND, TrellisCodec
from linguagen.runtime.columns import vector_rows
from linguagen.runtime.encoders.compressor import Compressor, trellis_codec
from linguagen.runtime.encoders.text_encoder import TextEncoder
from linguagen.runtime.index.about import About
from linguagen.runtime.index.container import Container
from linguagen.runtime.index.flat import Flat
from linguagen.runtime.reading.maker import Maker
from linguagen.runtime.vectors import Array, check_layout, unit_rows

DEFAULT_BYTES = 128
"""Bytes of a code if nobody says, where a model has codes of any number of bytes; elsewhere codes are int8."""


class IndexModel:
    """A model of vectors or texts; its engine starts when something is embedded."""

    def __init__(self, path: Path, device: str = "auto", threads: int | None = None) -> None:
        """Read what a model's file says about itself.

        Raises:
            ModelFileError: the file is damaged, or holds no encoder.
        """
        self.path, self._device, self._threads = path, device, threads
        self.manifest: Manifest | TextManifest = read_encoder_file(path).manifest

    @classmethod
    def of(cls, container: Container | Flat, chosen: str | Path | None, threads: int | None) -> "IndexModel":
        """The model that made the codes of an index.

        Args:
            container: the opened index.
            chosen: name or path of the model; None for the installed model that the index names.
            threads: CPU threads; None for all cores that this process may use.

        Raises:
            UnknownModelError: it is not installed.
            IndexFileError: another model made the index.
        """
        name, about = container.name, container.about
        try:
            model = cls(find_model(chosen or about.maker.model), threads=threads)
        except UnknownModelError as error:
            if chosen:
                raise
            raise UnknownModelError(
                f"{name}: was made by {about.maker}, which is not installed; give the path of its file as the model"
            ) from error
        if model.manifest.file_sha256 != about.maker.sha256:
            asked = Maker(model.manifest.name, model.manifest.file_sha256, "", 0)
            raise IndexFileError(
                f"{name}: was made by {about.maker}, but the model here is {asked}; give the path of the file of the "
                "model that made it, or build the index again"
            )
        return model

    @property
    def reads_texts(self) -> bool:
        """True for a text model."""
        return isinstance(self.manifest, TextManifest)

    def codec(self, size: int | None = None, kind: str | None = None, dim: int | None = None) -> Codec | TrellisCodec:
        """A codec of the model.

        Args:
            size: bytes of a code of any size; None for a code of a kind.
            kind: one of KINDS; None for DEFAULT_BYTES bytes where the model has such codes, and else for int8.
            dim: leading dimensions of a kind to keep; None for all.

        Raises:
            UsageError: there is no such codec, or a size is given with a kind or width.
        """
        trellis = isinstance(self.manifest, Manifest) and self.manifest.trellis is not None
        if size is None and kind is None and dim is None and trellis:
            size = DEFAULT_BYTES
        if size is None:
            manifest = self.manifest
            return Codec.make(kind or "int8", dim or manifest.output_dim, manifest.embedding_moments)
        if kind is not None or dim is not None:
            raise UsageError(f"codes of {size} bytes have no kind and no dimensions to choose; leave those out")
        if not isinstance(self.manifest, Manifest):
            raise UsageError(f"the text model {self.manifest.name} has no codes of {size} bytes; choose a kind instead")
        return trellis_codec(self.manifest, size)

    def codec_of(self, about: About) -> Codec | TrellisCodec:
        """The codec that wrote the codes of an index."""
        maker = about.maker
        return self.codec(about.bytes_per_row) if maker.kind == KIND else self.codec(None, maker.kind, maker.dim)

    @cached_property
    def encoder(self) -> Compressor | TextEncoder:
        """The model, loaded."""
        kind = TextEncoder if self.reads_texts else Compressor
        return kind.load(self.path, device=self._device, threads=self._threads)

    def embed(self, rows: Any, origin: str = "vectors") -> Array:
        """Embeddings (rows, output_dim) of what the model reads, or embeddings of its own as they are.

        Args:
            rows: texts for a text model, vectors (rows, input_dim) for a model of vectors, or embeddings
                (rows, output_dim) of either.
            origin: what messages call vectors.

        Raises:
            UsageError: texts, but the model reads vectors.
            VectorError, TextError: the rows cannot be used.
        """
        if are_texts(rows):
            if not isinstance(self.encoder, TextEncoder):
                raise UsageError(f"the model {self.manifest.name} embeds vectors, not texts; give vectors")
            return self.encoder.embed(rows)
        array = vector_rows(rows, origin)
        if isinstance(self.encoder, Compressor) and array.shape[-1:] != (self.manifest.output_dim,):
            return self.encoder.compress(array)
        if isinstance(self.encoder, Compressor) and self.encoder.manifest.input_dim == self.manifest.output_dim:
            return self.encoder.compress(array)
        check_layout(array.shape, array.dtype, self.manifest.output_dim, origin)
        return unit_rows(array, 0, origin)[0]


def are_texts(rows: Any) -> bool:
    """True for a text, or a sequence or column that begins with one."""
    first: Any = rows if isinstance(rows, str) else next(iter(rows), None)
    return isinstance(first.as_py() if hasattr(first, "as_py") else first, str)  # a scalar of Arrow
