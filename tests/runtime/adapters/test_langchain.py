"""The LangChain adapters, by langchain-tests' standard suites."""

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_qdrant import QdrantVectorStore
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests
from serving import vector_of

from linguagen.models.errors import TextError, UsageError, VectorError
from linguagen.runtime import Compressor, TextEncoder
from linguagen.runtime.adapters.langchain import CompressedEmbeddings, LinguagenEmbeddings

TEXTS = ["The dog sees the man.", "The cat sleeps.", "A man is playing a guitar."]


class Teacher(Embeddings):
    """Stands for an API: vectors of 48 numbers that follow from a text's length."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return vector_of(text, 48).tolist()


class _OfTexts:
    @pytest.fixture(autouse=True)
    def _model(self, tiny_text):
        self._params = {"model": tiny_text["none"], "threads": 1}

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return LinguagenEmbeddings

    @property
    def embedding_model_params(self) -> dict:
        return self._params


class _OfVectors:
    @pytest.fixture(autouse=True)
    def _model(self, tiny):
        self._params = {"embeddings": Teacher(), "model": tiny["none"], "threads": 1}

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return CompressedEmbeddings

    @property
    def embedding_model_params(self) -> dict:
        return self._params


class TestTextsUnit(_OfTexts, EmbeddingsUnitTests):
    """LangChain's unit tests of the text model's embeddings."""


class TestTextsIntegration(_OfTexts, EmbeddingsIntegrationTests):
    """LangChain's integration tests of the text model's embeddings."""


class TestCompressedUnit(_OfVectors, EmbeddingsUnitTests):
    """LangChain's unit tests of compressed embeddings."""


class TestCompressedIntegration(_OfVectors, EmbeddingsIntegrationTests):
    """LangChain's integration tests of compressed embeddings."""


def test_embeddings_are_the_encoders(tiny_text):
    embeddings = LinguagenEmbeddings(tiny_text["none"])
    expected = TextEncoder.load(tiny_text["none"]).embed(TEXTS)
    np.testing.assert_allclose(embeddings.embed_documents(TEXTS), expected, atol=1e-6)
    assert embeddings.embed_documents([]) == []
    with pytest.raises(TextError, match="1 of 1 texts are empty"):
        embeddings.embed_query("")


def test_compressed_embeddings_are_the_compressors(tiny):
    embeddings = CompressedEmbeddings(Teacher(), tiny["none"], dim=4)
    compressor = Compressor.load(tiny["none"])
    whole = compressor.compress(Teacher().embed_documents(TEXTS))
    expected = compressor.codec("float32", 4).encode(whole)
    np.testing.assert_allclose(embeddings.embed_documents(TEXTS), expected, atol=1e-6)
    assert embeddings.embed_documents([]) == []
    with pytest.raises(UsageError, match="--dim is 9, expected 1 to 8"):
        CompressedEmbeddings(Teacher(), tiny["none"], dim=9)
    with pytest.raises(VectorError, match="vectors of width 48, but the model takes width 1536"):
        CompressedEmbeddings(Teacher()).embed_query("a")


@pytest.mark.parametrize("store", [InMemoryVectorStore, QdrantVectorStore])
def test_stores_find_texts(tiny_text, store):
    embeddings = LinguagenEmbeddings(tiny_text["none"])
    settings = {"location": ":memory:"} if store is QdrantVectorStore else {}
    found = store.from_texts(TEXTS, embeddings, **settings).similarity_search(TEXTS[2], k=1)
    assert [each.page_content for each in found] == TEXTS[2:]
