"""The index of item vectors: exact below the size where that is as fast, inverted lists above.

Inverted lists (IVF-Flat: Jégou, Douze and Schmid, "Product quantization for nearest neighbor search", TPAMI 2011,
without the quantization): k-means, faiss's, parts the vectors, a query reads the lists of the nearest centroids. Chosen
by measurement: docs/decisions/ann-index.md. Similarity is the inner product.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from ml.artifacts import read_json, write_json
from ml.bundle.stored import load_fields, save_fields
from ml.data.arrays import Floats, Indices, Ints, mapped
from ml.errors import RunFailed
from ml.retrieval.contract import Ranking, top_k
from ml.threads import at_most

# Measured on the item vectors of a two-tower model, one query at a time on one thread: see the decision.
EXACT_BELOW = 5_000
# Shares of the lists that a query reads: the smallest that finds enough is taken.
EFFORTS = (1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
LEAST_A_LIST = 39  # vectors: what faiss needs to place a centroid well
MINIMUM_RECALL = 0.98
RECALL_AT = 100
LISTS, FAISS_LISTS = "lists", "lists.faiss"
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
    """L inverted lists, one after the other."""

    centroid: Floats  # (L, D)
    start: Ints  # (L + 1,) where each list begins
    item: Indices  # (N,) numbers of the items, in ascending order within a list
    member: Floats  # (N, D) their vectors
    probes: int = 1  # lists that a query reads
    kind: str = "ivf"

    @classmethod
    def of(cls, vectors: Floats) -> Self:
        """Part the vectors (N, D) into about √N lists."""
        centroid, nearest = parted(vectors)
        item = np.argsort(nearest, kind="stable").astype(np.int32)
        start = np.searchsorted(nearest[item], np.arange(len(centroid) + 1))
        return cls(centroid, start, item, np.ascontiguousarray(vectors[item], np.float32))

    def reading(self, share: float) -> Self:
        """The same lists, of which a query reads this share."""
        return replace(self, probes=max(1, round(share * len(self.centroid))))

    def search(self, queries: Floats, k: int) -> Ranking:
        """The K best items of each query (Q, D), all but for those in lists that are not read.

        Raises:
            ValueError: A query has what is not a number.
        """
        from ml.bundle.ann_kernel import search

        if not np.isfinite(queries).all():
            raise ValueError("a query's vector has what is not a number: nothing is nearest to it")
        item, score = np.full((len(queries), k), -1, np.int32), np.full((len(queries), k), -np.inf, np.float32)
        queries = np.ascontiguousarray(queries, np.float32)
        search(queries, self.centroid, self.start, self.item, self.member, self.probes, item, score)
        return Ranking(item, score)

    def save(self, folder: Path) -> None:
        """Write the lists."""
        save_fields(folder / LISTS, self)


def parted(vectors: Floats) -> tuple[Floats, Indices]:
    """Centroids (L, D) of about √N vectors each (N, D), and the nearest of each (N,).

    On one thread, so that the same vectors give the same lists.
    """
    import faiss

    count = max(1, min(round(np.sqrt(len(vectors))), len(vectors) // LEAST_A_LIST))
    vectors, nearest = np.ascontiguousarray(vectors, np.float32), faiss.IndexFlatIP(vectors.shape[1])
    with at_most(1):
        faiss.IndexIVFFlat(nearest, vectors.shape[1], count, faiss.METRIC_INNER_PRODUCT).train(vectors)
        return nearest.reconstruct_n(0, count), nearest.assign(vectors, 1)[:, 0].astype(np.int32)


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
        lists = lists.reading(share)
        found = recall(lists.search(queries, RECALL_AT), best)
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
    if read_json(folder / "index.json")["kind"] == ExactIndex.kind:
        return ExactIndex(vectors), vectors
    if (folder / FAISS_LISTS).exists():
        return _parted_again(folder / FAISS_LISTS, vectors), vectors
    return ListIndex(**load_fields(folder / LISTS)), vectors


def _parted_again(path: Path, vectors: Floats) -> ListIndex:
    """The lists of a bundle that was sealed when faiss read them: a champion of then goes on being served."""
    import faiss

    lists: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
    return replace(ListIndex.of(vectors), probes=int(lists.nprobe))  # the same vectors are parted alike


def similar_to(index: Index, vectors: Floats, item: int, k: int) -> tuple[Indices, Floats]:
    """The K items (and their scores) closest to one, without itself."""
    found = index.search(np.asarray(vectors[item : item + 1], np.float32), k + 1)
    keep = np.flatnonzero((found.item[0] != item) & (found.item[0] >= 0))[:k]
    return found.item[0][keep], found.score[0][keep]
