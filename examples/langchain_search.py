"""Search texts with LangChain, offline: in memory, or in Qdrant.

    pip install '.[langchain]' ./linguagen-en
    python examples/langchain_search.py documents.txt "who makes music"
    pip install langchain-qdrant
    python examples/langchain_search.py documents.txt "who makes music" --qdrant documents.qdrant

documents.txt has one text per line. The nearest lines are printed, the best first.
"""

import argparse
from pathlib import Path

from langchain_core.vectorstores import InMemoryVectorStore, VectorStore

from linguagen.runtime.adapters.langchain import LinguagenEmbeddings


def store_of(texts: list[str], folder: str | None, model: str) -> VectorStore:
    """A store of texts: in memory, or in a new folder of Qdrant's local mode."""
    embeddings = LinguagenEmbeddings(model)
    if folder is None:
        return InMemoryVectorStore.from_texts(texts, embeddings)
    from langchain_qdrant import QdrantVectorStore

    return QdrantVectorStore.from_texts(texts, embeddings, path=folder, collection_name="documents")


def main() -> None:
    """Print the lines nearest to a query."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("documents", help="a file of texts, one per line")
    parser.add_argument("query")
    parser.add_argument("--qdrant", help="a new folder for Qdrant; without it the texts stay in memory")
    parser.add_argument("--model", default="linguagen-en", help="a text model's name or file")
    parser.add_argument("-k", type=int, default=3, help="lines to print")
    arguments = parser.parse_args()
    texts = [line for line in Path(arguments.documents).read_text(encoding="utf-8").splitlines() if line.strip()]
    store = store_of(texts, arguments.qdrant, arguments.model)
    for document, score in store.similarity_search_with_score(arguments.query, k=arguments.k):
        print(f"{score:.3f}  {document.page_content}")


if __name__ == "__main__":
    main()
