"""LangChain: embeddings by a text model, and another's embeddings, compressed."""

from pathlib import Path

from linguagen.models.catalogue import DEFAULT_MODEL, DEFAULT_TEXT_MODEL
from linguagen.models.errors import MissingExtraError
from linguagen.runtime.adapters.shared import VectorCompressor
from linguagen.runtime.encoders.text_encoder import TextEncoder

try:
    from langchain_core.embeddings import Embeddings
except ImportError as problem:
    raise MissingExtraError.of("this adapter needs langchain-core", problem, "langchain-core") from problem

Rows = list[list[float]]


class LinguagenEmbeddings(Embeddings):  # type: ignore[misc]
    """Embeds texts on this machine, without an API and without a network; threads can share one."""

    def __init__(
        self, model: str | Path = DEFAULT_TEXT_MODEL, *, device: str = "auto", threads: int | None = None
    ) -> None:
        """Load a text model; arguments and errors as in `TextEncoder.load`."""
        self._encoder = TextEncoder.load(model, device=device, threads=threads)

    def embed_documents(self, texts: list[str]) -> Rows:
        """The embedding of each text; raises TextError for an empty one, with its number."""
        return self._encoder.embed(texts).tolist()  # type: ignore[no-any-return]

    def embed_query(self, text: str) -> list[float]:
        """The embedding of a text; raises TextError if it is empty."""
        return self._encoder.embed(text)[0].tolist()  # type: ignore[no-any-return]


class CompressedEmbeddings(Embeddings):  # type: ignore[misc]
    """Other embeddings, their vectors compressed on this machine before a vector store sees them."""

    def __init__(
        self,
        embeddings: Embeddings,
        model: str | Path = DEFAULT_MODEL,
        *,
        dim: int | None = None,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        """Wrap embeddings.

        Args:
            embeddings: of the model's teacher, such as `OpenAIEmbeddings(model="text-embedding-3-small")`.
            model: a vector model's name or file.
            dim: leading dimensions to keep; None for all.
            device: as in `Compressor.load`.
            threads: as in `Compressor.load`.

        Raises:
            UsageError: the model has fewer dimensions; other errors as in `Compressor.load`.
        """
        self._embeddings = embeddings
        self._compressor = VectorCompressor(model, dim, device, threads)

    def embed_documents(self, texts: list[str]) -> Rows:
        """The compressed embedding of each text; raises VectorError for vectors that the model does not take."""
        return self._compressor.compress(self._embeddings.embed_documents(texts))

    def embed_query(self, text: str) -> list[float]:
        """The compressed embedding of a text."""
        return self._compressor.compress([self._embeddings.embed_query(text)])[0]

    async def aembed_documents(self, texts: list[str]) -> Rows:
        """Like `embed_documents`, with the wrapped embeddings' own asynchronous call."""
        return self._compressor.compress(await self._embeddings.aembed_documents(texts))

    async def aembed_query(self, text: str) -> list[float]:
        """Like `embed_query`, with the wrapped embeddings' own asynchronous call."""
        return self._compressor.compress([await self._embeddings.aembed_query(text)])[0]
