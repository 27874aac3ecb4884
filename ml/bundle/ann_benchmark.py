"""Choosing an index by measurement, on a model's own vectors (docs/decisions/ann-index.md)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np

from ml.bundle.ann import RECALL_AT, ExactIndex, ListIndex, load_index, parted, recall
from ml.bundle.bundle import Bundle
from ml.data.arrays import Floats
from ml.errors import RunFailed
from ml.retrieval.contract import Ranking

Search = Callable[[Floats, int], Ranking]
Build = Callable[[Floats, int], Search]
SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 10**9)  # the last one: all there are
QUERIES = 500
SHARES = (1 / 128, 1 / 32, 1 / 16, 1 / 8)  # of the inverted lists that a query reads
EFFORTS = (64, 128, 256)  # candidates that a graph search holds while it answers
NEIGHBOURS = 24  # links a node of a graph; the bottom layer has twice as many
BUILD_EFFORT = 128  # candidates held while a node is linked


@dataclass(frozen=True)
class Measurement:
    """One index over one number of vectors, asked one query at a time on one thread."""

    index: str
    vectors: int
    build_seconds: float
    recall: float  # of the 100 best
    median_ms: float
    p99_ms: float


def measure_bundle(bundle: Bundle, *, seed: int = 0, threads: int = 1) -> list[dict[str, Any]]:
    """Every index on a bundle's own item vectors, asked with the vectors of its own users (see `measure`)."""
    described = bundle.manifest["index"]
    if described is None:
        raise RunFailed(f"{bundle.path} has no item vectors to measure an index on: train two_tower")
    _, vectors = load_index(bundle.path / "index")
    model: Any = bundle.recommender.retrievers[described["retriever"]]
    known = np.unique(bundle.log.user)
    users = np.random.default_rng(seed).choice(known, min(QUERIES, len(known)), replace=False)
    queries = model.user_vectors(bundle.requests(np.sort(users).astype(np.int32)))
    return measure(np.asarray(vectors), queries, sizes=SIZES, seed=seed, threads=threads)


def measure(vectors: Floats, queries: Floats, *, sizes: Sequence[int], seed: int, threads: int) -> list[dict[str, Any]]:
    """Every index at every size: a random share of the vectors, the same queries.

    Args:
        vectors: (N, D) of the items.
        queries: (Q, D) of real requests.
        sizes: Numbers of vectors; those beyond N are left out.
        seed: Of the shares.
        threads: For building; searching takes one.
    """
    from threadpoolctl import threadpool_limits

    order = np.random.default_rng(seed).permutation(len(vectors))
    found = []
    for size in sorted({min(size, len(vectors)) for size in sizes}):
        part = np.ascontiguousarray(vectors[order[:size]])
        with threadpool_limits(1):
            best = _exact(part, 1)(queries, RECALL_AT)
        for name, build in indexes():
            started = perf_counter()
            search = build(part, threads)
            seconds = perf_counter() - started
            with threadpool_limits(1):
                found.append(asdict(_asked(name, size, seconds, search, queries, best)))
    return found


def indexes() -> Iterator[tuple[str, Build]]:
    """What is compared; an index whose library is not installed is left out."""
    yield "exact", _exact
    for share in SHARES:
        yield f"lists, {share:.1%} read", _lists(share)
        yield f"faiss IVF, {share:.1%} of the lists", _faiss_lists(share)
    for effort in EFFORTS:
        yield f"faiss HNSW, ef {effort}", _faiss(effort)
        if find_spec("usearch"):
            yield f"usearch f32, ef {effort}", _usearch("f32", effort)
            yield f"usearch f16, ef {effort}", _usearch("f16", effort)
        if find_spec("hnswlib"):
            yield f"hnswlib, ef {effort}", _hnswlib(effort)


def _asked(name: str, size: int, seconds: float, search: Search, queries: Floats, best: Ranking) -> Measurement:
    search(queries[:1], RECALL_AT)  # the first call sets up
    answers, times = [], []
    for row in range(len(queries)):
        started = perf_counter()
        answers.append(search(queries[row : row + 1], RECALL_AT))
        times.append(1000 * (perf_counter() - started))
    together = Ranking(
        np.concatenate([answer.item for answer in answers]), np.concatenate([answer.score for answer in answers])
    )
    median, high = np.quantile(times, [0.5, 0.99])
    return Measurement(name, size, round(seconds, 2), round(recall(together, best), 4), float(median), float(high))


def _exact(vectors: Floats, threads: int) -> Search:  # noqa: ARG001 - one signature for all
    return ExactIndex(vectors).search


def _lists(share: float) -> Build:
    def build(vectors: Floats, threads: int) -> Search:  # noqa: ARG001
        return ListIndex.of(vectors).reading(share).search

    return build


def _faiss_lists(share: float) -> Build:
    def build(vectors: Floats, threads: int) -> Search:  # noqa: ARG001
        import faiss

        centroid, _ = parted(vectors)
        nearest = faiss.IndexFlatIP(vectors.shape[1])
        nearest.add(centroid)
        lists = faiss.IndexIVFFlat(nearest, vectors.shape[1], len(centroid), faiss.METRIC_INNER_PRODUCT)
        lists.nprobe, lists.is_trained = max(1, round(share * len(centroid))), True
        lists.add(vectors)
        return _answered_by(lists)

    return build


def _answered_by(index: Any) -> Search:
    """How faiss answers."""

    def search(queries: Floats, k: int) -> Ranking:
        score, item = index.search(queries, k)
        return Ranking(item.astype(np.int32), score)

    return search


def _faiss(effort: int) -> Build:
    def build(vectors: Floats, threads: int) -> Search:
        import faiss

        graph = faiss.IndexHNSWFlat(vectors.shape[1], NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction, graph.hnsw.efSearch = BUILD_EFFORT, effort
        faiss.omp_set_num_threads(threads)
        graph.add(vectors)
        faiss.omp_set_num_threads(1)
        return _answered_by(graph)

    return build


def _usearch(kind: str, effort: int) -> Build:
    def build(vectors: Floats, threads: int) -> Search:
        from usearch.index import Index

        index = Index(
            ndim=vectors.shape[1], metric="ip", dtype=kind, connectivity=NEIGHBOURS,
            expansion_add=BUILD_EFFORT, expansion_search=effort,
        )  # fmt: skip
        index.add(np.arange(len(vectors)), vectors, threads=threads)

        def search(queries: Floats, k: int) -> Ranking:
            found = index.search(queries, k, threads=1)
            keys = np.atleast_2d(found.keys).astype(np.int32)
            return Ranking(keys, 1 - np.atleast_2d(found.distances))

        return search

    return build


def _hnswlib(effort: int) -> Build:
    def build(vectors: Floats, threads: int) -> Search:
        import hnswlib

        index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        index.init_index(len(vectors), M=NEIGHBOURS, ef_construction=BUILD_EFFORT)
        index.add_items(vectors, num_threads=threads)
        index.set_ef(effort)

        def search(queries: Floats, k: int) -> Ranking:
            keys, distances = index.knn_query(queries, k, num_threads=1)
            return Ranking(keys.astype(np.int32), 1 - distances)

        return search

    return build
