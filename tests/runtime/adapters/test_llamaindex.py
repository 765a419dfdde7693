"""The LlamaIndex adapters, in LlamaIndex's own index."""

import numpy as np
import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import TextNode
from serving import vector_of

from linguagen.models.errors import TextError
from linguagen.runtime import Compressor, TextEncoder
from linguagen.runtime.adapters.llamaindex import CompressedEmbedding, LinguagenEmbedding

TEXTS = ["The dog sees the man.", "The cat sleeps.", "A man is playing a guitar."]


class Teacher(BaseEmbedding):
    """Stands for an API: vectors of 48 numbers that follow from a text's length."""

    def _get_text_embedding(self, text: str) -> list[float]:
        return vector_of(text, 48).tolist()

    _get_query_embedding = _get_text_embedding

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


def embedders(tiny, tiny_text) -> list[tuple[BaseEmbedding, np.ndarray]]:
    """Both adapters, each with the rows (texts, dim) that it should give for TEXTS."""
    compressor = Compressor.load(tiny["none"])
    vectors = np.stack([vector_of(text, 48) for text in TEXTS])
    return [
        (LinguagenEmbedding(tiny_text["none"], embed_batch_size=2), TextEncoder.load(tiny_text["none"]).embed(TEXTS)),
        (CompressedEmbedding(Teacher(), tiny["none"]), compressor.compress(vectors)),
    ]


@pytest.mark.filterwarnings("default::DeprecationWarning")
async def test_every_call_gives_the_models_rows(tiny, tiny_text):
    for embedder, expected in embedders(tiny, tiny_text):
        for found in (
            embedder.get_text_embedding_batch(TEXTS),
            await embedder.aget_text_embedding_batch(TEXTS),
            [embedder.get_text_embedding(text) for text in TEXTS],
            [embedder.get_query_embedding(text) for text in TEXTS],
            [await embedder.aget_query_embedding(text) for text in TEXTS],
        ):
            np.testing.assert_allclose(found, expected, atol=1e-6)
        assert embedder.class_name() == type(embedder).__name__


@pytest.mark.filterwarnings("default::DeprecationWarning")
def test_an_index_finds_texts(tiny, tiny_text):
    for embedder, _ in embedders(tiny, tiny_text):
        index = VectorStoreIndex([TextNode(text=text) for text in TEXTS], embed_model=embedder)
        found = index.as_retriever(similarity_top_k=1).retrieve(TEXTS[2])
        assert [each.text for each in found] == TEXTS[2:]


def test_an_empty_text_is_refused(tiny_text):
    with pytest.raises(TextError, match="1 of 1 texts are empty"):
        LinguagenEmbedding(tiny_text["none"]).get_text_embedding("")
