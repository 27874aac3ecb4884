"""The index of item vectors: exact below the size where that is faster, HNSW above (docs/decisions/ann-index.md).

HNSW: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable
small world graphs" (TPAMI 2020), as faiss implements it. Similarity is the inner product.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Indices
from ml.errors import RunFailed
from ml.retrieval.contract import Ranking, top_k

# Measured on a two-tower model's own vectors, one query at a time on one thread: see the decision.
EXACT_BELOW = 20_000
NEIGHBOURS = 24  # links a node; the bottom layer has twice as many
BUILD_EFFORT = 128  # candidates held while a node is linked
SEARCH_EFFORT = 256  # candidates held while a query is answered
MINIMUM_RECALL = 0.98
RECALL_AT = 100
CHUNK = 256  # queries answered exactly at once: bounds memory


class Index(Protocol):
    """Finds the items whose vectors have the highest inner product with a query's."""

    @property
    def kind(self) -> str:
        """`exact` or `hnsw`."""

    def search(self, queries: Floats, k: int) -> Ranking:
        """The K best items of each query (Q, D); -1 where there are fewer."""

    def save(self, folder: Path) -> None:
        """Write what the vectors alone do not hold."""


@dataclass(frozen=True)
class ExactIndex:
    """Every inner product, every time."""

    vectors: Floats  # (N, D)
    kind: str = "exact"

    def search(self, queries: Floats, k: int) -> Ranking:
        """The K best items of each query (Q, D)."""
        parts = [
            top_k(queries[start : start + CHUNK] @ self.vectors.T, k) for start in range(0, max(len(queries), 1), CHUNK)
        ]
        return Ranking(np.concatenate([part.item for part in parts]), np.concatenate([part.score for part in parts]))

    def save(self, folder: Path) -> None:
        """The vectors are all there is."""


@dataclass(frozen=True)
class HnswIndex:
    """A navigable small-world graph of faiss."""

    graph: Any  # faiss.IndexHNSWFlat
    kind: str = "hnsw"

    @classmethod
    def of(cls, vectors: Floats, *, threads: int) -> "HnswIndex":
        """Link every vector (N, D). One thread links in one order and so gives the same graph each time."""
        import faiss

        faiss.omp_set_num_threads(threads)
        graph = faiss.IndexHNSWFlat(vectors.shape[1], NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction, graph.hnsw.efSearch = BUILD_EFFORT, SEARCH_EFFORT
        graph.add(np.ascontiguousarray(vectors, np.float32))
        return cls(graph)

    def search(self, queries: Floats, k: int) -> Ranking:
        """The K best items of each query (Q, D), all but for those that the graph misses."""
        score, item = self.graph.search(np.ascontiguousarray(queries, np.float32), k)
        return Ranking(item.astype(np.int32), np.where(item < 0, np.float32(-np.inf), score))

    def save(self, folder: Path) -> None:
        """Write the graph."""
        import faiss

        faiss.write_index(self.graph, str(folder / "graph.faiss"))


@dataclass(frozen=True)
class MeasuredIndex:
    """An index with the recall that it reached on real queries when it was built."""

    index: Index
    recall: float
    queries: int  # how many the recall was measured on

    def describe(self) -> dict[str, Any]:
        """What the manifest says."""
        return {"kind": self.index.kind, f"recall@{RECALL_AT}": self.recall, "queries": self.queries}


def build_index(vectors: Floats, queries: Floats, *, threads: int, exact_below: int = EXACT_BELOW) -> MeasuredIndex:
    """Build the index that suits the number of vectors, and measure it against exact search.

    Args:
        vectors: (N, D) of the items.
        queries: (Q, D) of real requests.
        threads: How many may link the graph.
        exact_below: Number of vectors from which a graph is used.

    Raises:
        RunFailed: where it finds less than 98 % of the 100 best items: such an index is not published.
    """
    exact = ExactIndex(vectors)
    if len(vectors) < exact_below:
        return MeasuredIndex(exact, 1.0, 0)
    graph = HnswIndex.of(vectors, threads=threads)
    found = recall(graph.search(queries, RECALL_AT), exact.search(queries, RECALL_AT))
    if found < MINIMUM_RECALL:
        raise RunFailed(
            f"the index of {len(vectors):,} vectors finds {found:.4f} of the {RECALL_AT} best items of {len(queries)} "
            f"queries; at least {MINIMUM_RECALL} is needed. Raise SEARCH_EFFORT in ml/bundle/ann.py"
        )
    return MeasuredIndex(graph, found, len(queries))


def recall(found: Ranking, exact: Ranking) -> float:
    """Mean share of the exact answer's items that were found. Which of two equal scores is left out does not count."""
    worst = np.where(exact.item >= 0, exact.score, np.inf).min(axis=1, initial=np.inf)
    # A found item counts where it scores as high as the last exact one, up to the rounding of another summation.
    good = (found.item >= 0) & (found.score >= (worst - 1e-5 * np.abs(worst))[:, None])
    possible = np.maximum((exact.item >= 0).sum(axis=1), 1)
    return float(np.minimum(good.sum(axis=1) / possible, 1).mean()) if len(exact.item) else 1.0


def save_index(folder: Path, measured: MeasuredIndex, vectors: Floats) -> None:
    """Write vectors, graph and what was measured."""
    folder.mkdir(parents=True)
    np.save(folder / "vectors.npy", np.ascontiguousarray(vectors, np.float32), allow_pickle=False)
    measured.index.save(folder)
    write_json(folder / "index.json", measured.describe())


def load_index(folder: Path) -> tuple[Index, Floats]:
    """The index and the vectors (N, D), both mapped into memory rather than read."""
    vectors: Floats = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
    if read_json(folder / "index.json")["kind"] == "exact":
        return ExactIndex(vectors), vectors
    import faiss

    return HnswIndex(faiss.read_index(str(folder / "graph.faiss"), faiss.IO_FLAG_MMAP)), vectors


def similar_to(index: Index, vectors: Floats, item: int, k: int) -> tuple[Indices, Floats]:
    """The K items (and their scores) closest to one, without itself."""
    found = index.search(np.asarray(vectors[item : item + 1], np.float32), k + 1)
    keep = np.flatnonzero((found.item[0] != item) & (found.item[0] >= 0))[:k]
    return found.item[0][keep], found.score[0][keep]
