"""The index of item vectors: exact below the size where that is as fast, inverted lists above.

Inverted lists (IVF-Flat: Jégou, Douze and Schmid, "Product quantization for nearest neighbor search", TPAMI 2011,
without the quantization) as faiss implements them: k-means parts the vectors, a query reads the lists of the nearest
centroids. Chosen by measurement: docs/decisions/ann-index.md. Similarity is the inner product.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Indices, mapped
from ml.errors import RunFailed
from ml.retrieval.contract import Ranking, top_k

# Measured on the item vectors of a two-tower model, one query at a time on one thread: see the decision.
EXACT_BELOW = 5_000
# Shares of the lists that a query reads: the smallest that finds enough is taken.
EFFORTS = (1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
LEAST_A_LIST = 39  # vectors: what faiss needs to place a centroid well
MINIMUM_RECALL = 0.98
RECALL_AT = 100
LISTS = "lists.faiss"
CHUNK = 256  # queries answered exactly at once: bounds memory


class Index(Protocol):
    """Finds the items whose vectors have the highest inner product with a query's."""

    @property
    def kind(self) -> str:
        """`exact` or `ivf`."""

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
class ListIndex:
    """Inverted lists of faiss."""

    lists: Any  # faiss.IndexIVFFlat
    kind: str = "ivf"

    @classmethod
    def of(cls, vectors: Floats) -> "ListIndex":
        """Part the vectors (N, D) into about √N lists. On one thread, so that the same vectors give the same lists."""
        import faiss

        size = vectors.shape[1]
        count = max(1, min(round(np.sqrt(len(vectors))), len(vectors) // LEAST_A_LIST))
        lists = faiss.IndexIVFFlat(faiss.IndexFlatIP(size), size, count, faiss.METRIC_INNER_PRODUCT)
        with _one_thread():
            lists.train(np.ascontiguousarray(vectors, np.float32))
            lists.add(np.ascontiguousarray(vectors, np.float32))
        return cls(lists)

    def reading(self, share: float) -> "ListIndex":
        """The same lists, of which a query reads this share."""
        self.lists.nprobe = max(1, round(share * self.lists.nlist))
        return self

    def search(self, queries: Floats, k: int) -> Ranking:
        """The K best items of each query (Q, D), all but for those in lists that are not read."""
        with _one_thread():  # waking others takes longer than what they would do
            score, item = self.lists.search(np.ascontiguousarray(queries, np.float32), k)
        score[item < 0] = -np.inf
        return Ranking(item.astype(np.int32), score)

    def save(self, folder: Path) -> None:
        """Write the lists."""
        import faiss

        faiss.write_index(self.lists, str(folder / LISTS))


@dataclass(frozen=True)
class MeasuredIndex:
    """An index with the recall that it reached on real queries when it was built."""

    index: Index
    recall: float
    queries: int  # how many the recall was measured on

    def describe(self) -> dict[str, Any]:
        """What the manifest says."""
        return {"kind": self.index.kind, f"recall@{RECALL_AT}": self.recall, "queries": self.queries}


def build_index(vectors: Floats, queries: Floats, *, exact_below: int = EXACT_BELOW) -> MeasuredIndex:
    """Build the index that suits the number of vectors, and measure it against exact search.

    Args:
        vectors: (N, D) of the items.
        queries: (Q, D) of real requests.
        exact_below: Number of vectors from which inverted lists are used.

    Raises:
        RunFailed: where it finds less than 98 % of the 100 best items: such an index is not published.
    """
    exact = ExactIndex(vectors)
    if len(vectors) < exact_below:
        return MeasuredIndex(exact, 1.0, 0)
    lists, best, found = ListIndex.of(vectors), exact.search(queries, RECALL_AT), 0.0
    for share in EFFORTS:
        found = recall(lists.reading(share).search(queries, RECALL_AT), best)
        if found >= MINIMUM_RECALL:
            return MeasuredIndex(lists, found, len(queries))
    raise RunFailed(
        f"the index of {len(vectors):,} vectors finds {found:.4f} of the {RECALL_AT} best items of {len(queries)} "
        f"queries although each reads {EFFORTS[-1]:.0%} of it; at least {MINIMUM_RECALL} is needed. Raise EXACT_BELOW "
        "in ml/bundle/ann.py to search exactly"
    )


def recall(found: Ranking, exact: Ranking) -> float:
    """Mean share of the exact answer's items that were found. Which of two equal scores is left out does not count."""
    worst = np.where(exact.item >= 0, exact.score, np.inf).min(axis=1, initial=np.inf)
    # A found item counts where it scores as high as the last exact one, up to the rounding of another summation.
    good = (found.item >= 0) & (found.score >= (worst - 1e-5 * np.abs(worst))[:, None])
    possible = np.maximum((exact.item >= 0).sum(axis=1), 1)
    return float(np.minimum(good.sum(axis=1) / possible, 1).mean()) if len(exact.item) else 1.0


def save_index(folder: Path, measured: MeasuredIndex, vectors: Floats) -> None:
    """Write vectors, lists and what was measured."""
    folder.mkdir(parents=True)
    np.save(folder / "vectors.npy", np.ascontiguousarray(vectors, np.float32), allow_pickle=False)
    measured.index.save(folder)
    write_json(folder / "index.json", measured.describe())


def load_index(folder: Path) -> tuple[Index, Floats]:
    """The index and the vectors (N, D), both mapped into memory rather than read."""
    vectors: Floats = mapped(folder / "vectors.npy")
    if read_json(folder / "index.json")["kind"] == "exact":
        return ExactIndex(vectors), vectors
    import faiss

    lists: Any = faiss.read_index(str(folder / LISTS), faiss.IO_FLAG_MMAP)
    on_disk: Any = faiss.downcast_InvertedLists(lists.invlists)
    on_disk.prefetch_nthread = 0  # else every query starts a thread a list, to read ahead what is in memory
    return ListIndex(lists), vectors


def similar_to(index: Index, vectors: Floats, item: int, k: int) -> tuple[Indices, Floats]:
    """The K items (and their scores) closest to one, without itself."""
    found = index.search(np.asarray(vectors[item : item + 1], np.float32), k + 1)
    keep = np.flatnonzero((found.item[0] != item) & (found.item[0] >= 0))[:k]
    return found.item[0][keep], found.score[0][keep]


@contextmanager
def _one_thread() -> Iterator[None]:
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
