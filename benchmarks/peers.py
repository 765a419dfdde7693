"""What other methods do with a number of bytes, each as a function from queries and documents to ranked neighbours.

A method is fitted on training vectors and then ranks documents (rows, 1536) for queries (rows, 1536), all of length 1.
Codes are compared with float queries, and what a code stands for is scaled to length 1, for every method alike.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import faiss
import numpy as np

from benchmarks.adaptor import STEPS, embed, train_adaptor
from benchmarks.fitting import statistics_of
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.runtime.codes.codec import Codec, truncate
from linguagen.runtime.measure.controls import control_projections, project

DEPTH = 100
Rank = Callable[[np.ndarray, np.ndarray, bool], np.ndarray]
"""From queries, documents, and whether these are the same rows, to row numbers (queries, DEPTH), best first."""


@dataclass(frozen=True)
class Method:
    """A way to spend bytes on an embedding, and how it ranks."""

    family: str
    detail: str
    bytes: int
    rank: Rank


def best(queries: np.ndarray, documents: np.ndarray, same: bool) -> np.ndarray:
    """Exact ranking by product."""
    found = []
    for start in range(0, len(queries), 1024):
        scores = queries[start : start + 1024] @ documents.T
        if same:
            own = np.arange(len(scores))
            scores[own, start + own] = -np.inf
        top = np.argpartition(-scores, DEPTH - 1, axis=1)[:, :DEPTH]
        order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1)
        found.append(np.take_along_axis(top, order, axis=1))
    return np.concatenate(found)


def coded(family: str, encode: Callable[[np.ndarray], np.ndarray], codec: Codec) -> Method:
    """Embeddings of any encoder, written by a codec of ours."""

    def rank(queries: np.ndarray, documents: np.ndarray, same: bool) -> np.ndarray:
        decoded = codec.decode(codec.encode(encode(documents)))
        return best(truncate(encode(queries), codec.dim), decoded, same)

    return Method(family, f"{codec.dim} x {codec.kind}", codec.bytes_per_row, rank)


def with_codecs(
    family: str, encode: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, mixes: list[tuple[int, str]]
) -> Iterator[Method]:
    """The same encoder at several widths and kinds; the codecs are scaled on training rows."""
    moments = EmbeddingMoments.of(encode(rows[:4096]))
    for dim, kind in mixes:
        yield coded(family, encode, Codec.make(kind, dim, moments))


def linear_peers(rows: np.ndarray, mixes: list[tuple[int, str]], suffix: str = "") -> Iterator[Method]:
    """Truncation, PCA and softened PCA."""
    widest = max(dim for dim, _ in mixes)
    controls = control_projections(statistics_of(rows, widest), widest)
    for name in ("truncation", "PCA", "softened PCA"):
        yield from with_codecs(f"{name}{suffix}", partial(project, projection=controls[name]), rows, mixes)


def adaptor_peer(rows: np.ndarray, mixes: list[tuple[int, str]], steps: int = STEPS) -> Iterator[Method]:
    """Matryoshka-Adaptor, trained on the rows, at several widths and kinds."""
    model = train_adaptor(rows, steps)
    widest = max(dim for dim, _ in mixes)
    yield from with_codecs("Matryoshka-Adaptor", lambda x: embed(model, x, widest), rows, mixes)


def faiss_peers(rows: np.ndarray, budgets: list[int], opq: list[int]) -> Iterator[Method]:
    """Product quantisation, the same after a learnt rotation, 8-bit scalars, and RaBitQ on the whole vectors."""
    width = rows.shape[1]
    for budget in budgets:
        yield decoded_index("faiss PQ", f"{budget} x 8 bits", faiss.IndexPQ(width, budget, 8), rows)
    for budget in opq:
        rotation = faiss.OPQMatrix(width, budget)
        rotation.niter, rotation.niter_pq, rotation.max_train_points = 5, 2, 5_000
        index = faiss.IndexPreTransform(rotation, faiss.IndexPQ(width, budget, 8))
        yield decoded_index("faiss OPQ", f"{budget} x 8 bits", index, rows)
    yield scalar_peer(rows)
    yield _rabitq(width, rows, None)
    for dim in (256, 512):
        yield _rabitq(dim, rows, faiss.PCAMatrix(width, dim))


def scalar_peer(rows: np.ndarray) -> Method:
    """Eight bits for each number of a whole vector."""
    width = rows.shape[1]
    index = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_8bit)
    return decoded_index("faiss SQ8", f"{width} x 8 bits", index, rows)


def binary_peers() -> Iterator[Method]:
    """The signs of the vectors themselves, compared by differing bits."""

    def hamming(queries: np.ndarray, documents: np.ndarray, same: bool) -> np.ndarray:
        return best(np.sign(queries), np.sign(documents), same)

    yield Method("plain binary", "1536 signs", 192, hamming)


def rescored(family: str, detail: str, first: Method, second: Method, factor: int = 4) -> Method:
    """The second method orders the first one's candidates, `factor` times as many as are asked for."""

    def rank(queries: np.ndarray, documents: np.ndarray, same: bool) -> np.ndarray:
        candidates = first.rank(queries, documents, same)[:, : 10 * factor]
        order = second.rank(queries, documents, same)
        place = np.full((len(queries), len(documents)), len(documents))
        np.put_along_axis(place, order, np.arange(DEPTH)[None, :], axis=1)
        ranks = np.take_along_axis(place, candidates, axis=1)
        return np.take_along_axis(candidates, np.argsort(ranks, axis=1, kind="stable"), axis=1)

    return Method(family, detail, first.bytes + second.bytes, rank)


def decoded_index(family: str, detail: str, index: faiss.Index, rows: np.ndarray) -> Method:
    """A faiss index as a codec: decoded rows are scaled to length 1 and compared with float queries."""
    index.train(rows)

    def rank(queries: np.ndarray, documents: np.ndarray, same: bool) -> np.ndarray:
        decoded = index.sa_decode(index.sa_encode(documents))
        decoded /= np.linalg.norm(decoded, axis=1, keepdims=True)
        return best(queries, decoded, same)

    return Method(family, detail, index.sa_code_size(), rank)


def _rabitq(dim: int, rows: np.ndarray, transform: faiss.PCAMatrix | None) -> Method:
    """RaBitQ (arXiv 2405.12497) by faiss: one bit a dimension and two numbers a vector.

    Args:
        dim: dimensions that get a bit.
        rows: to fit on (n, width).
        transform: to the principal dimensions; None for all dimensions as they are.
    """
    if transform is not None:
        transform.train(rows)

    def reduced(x: np.ndarray) -> np.ndarray:
        return x if transform is None else transform.apply(x)

    size = faiss.IndexRaBitQ(dim).sa_code_size()

    def rank(queries: np.ndarray, documents: np.ndarray, same: bool) -> np.ndarray:
        index = faiss.IndexRaBitQ(dim, faiss.METRIC_L2)
        rotation = faiss.RandomRotationMatrix(dim, dim)
        rotation.init(0)
        whole = faiss.IndexPreTransform(rotation, index)
        whole.train(reduced(rows))
        whole.add(reduced(documents))
        found = whole.search(reduced(queries), DEPTH + 1)[1]
        if not same:
            return found[:, :DEPTH]
        own = np.arange(len(found))[:, None]
        later = np.argsort(found == own, axis=1, kind="stable")  # a query's own row goes to the end
        return np.take_along_axis(found, later, axis=1)[:, :DEPTH]

    return Method("faiss RaBitQ", f"{dim} bits", size, rank)
