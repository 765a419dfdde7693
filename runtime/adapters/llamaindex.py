"""LlamaIndex: embeddings by a text model, and another's embeddings, compressed."""

import asyncio
from pathlib import Path
from typing import Any

from linguagen.models.catalogue import DEFAULT_MODEL, DEFAULT_TEXT_MODEL
from linguagen.models.errors import MissingExtraError
from linguagen.runtime.adapters.shared import VectorCompressor
from linguagen.runtime.encoders.text_encoder import TextEncoder

try:
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.bridge.pydantic import PrivateAttr
except ImportError as problem:
    raise MissingExtraError.of("this adapter needs llama-index-core", problem, "llama-index-core") from problem

Rows = list[list[float]]


class LinguagenEmbedding(BaseEmbedding):  # type: ignore[misc]
    """Embeds texts on this machine, without an API and without a network; threads can share one."""

    _encoder: TextEncoder = PrivateAttr()

    def __init__(
        self,
        model: str | Path = DEFAULT_TEXT_MODEL,
        *,
        device: str = "auto",
        threads: int | None = None,
        **settings: Any,
    ) -> None:
        """Load a text model; arguments and errors as in `TextEncoder.load`, settings as in LlamaIndex."""
        encoder = TextEncoder.load(model, device=device, threads=threads)
        super().__init__(model_name=encoder.manifest.name, **settings)
        self._encoder = encoder

    @classmethod
    def class_name(cls) -> str:
        """The name by which LlamaIndex stores the class."""
        return "LinguagenEmbedding"

    def _get_text_embeddings(self, texts: list[str]) -> Rows:
        """The embedding of each text."""
        return self._encoder.embed(texts).tolist()  # type: ignore[no-any-return]

    def _get_text_embedding(self, text: str) -> list[float]:
        """The embedding of a text."""
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        """The embedding of a query, which is a text like any other."""
        return self._get_text_embeddings([query])[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        """The embedding of a query, made in a thread."""
        return await asyncio.to_thread(self._get_query_embedding, query)


class CompressedEmbedding(BaseEmbedding):  # type: ignore[misc]
    """Another embedder, its vectors compressed on this machine before an index sees them."""

    _embedder: BaseEmbedding = PrivateAttr()
    _compressor: VectorCompressor = PrivateAttr()

    def __init__(
        self,
        embedder: BaseEmbedding,
        model: str | Path = DEFAULT_MODEL,
        *,
        dim: int | None = None,
        device: str = "auto",
        threads: int | None = None,
        **settings: Any,
    ) -> None:
        """Wrap an embedder of the model's teacher; further arguments and errors as in the LangChain adapter."""
        super().__init__(model_name=embedder.model_name, **settings)
        self._embedder, self._compressor = embedder, VectorCompressor(model, dim, device, threads)

    @classmethod
    def class_name(cls) -> str:
        """The name by which LlamaIndex stores the class."""
        return "CompressedEmbedding"

    def _get_text_embeddings(self, texts: list[str]) -> Rows:
        """The compressed embedding of each text."""
        return self._compressor.compress(self._embedder.get_text_embedding_batch(texts))

    def _get_text_embedding(self, text: str) -> list[float]:
        """The compressed embedding of a text."""
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        """The compressed embedding of a query."""
        return self._compressor.compress([self._embedder.get_query_embedding(query)])[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        """Like `_get_query_embedding`, with the wrapped embedder's own asynchronous call."""
        return self._compressor.compress([await self._embedder.aget_query_embedding(query)])[0]
