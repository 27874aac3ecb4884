"""The index of item vectors: exact when small, a graph when large, never published when it finds too little."""

import numpy as np
import pytest

from ml.bundle import ann
from ml.bundle.ann import ExactIndex, HnswIndex, build_index, load_index, recall, save_index, similar_to
from ml.bundle.ann_benchmark import measure
from ml.errors import RunFailed
from ml.retrieval.contract import Ranking


def unit_vectors(count: int, seed: int, size: int = 16) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


VECTORS, QUERIES = unit_vectors(3000, 1), unit_vectors(50, 2)


def test_exact_search_is_a_sort_by_inner_product():
    found = ExactIndex(VECTORS).search(QUERIES, 7)
    product = QUERIES @ VECTORS.T
    assert np.array_equal(found.item, np.argsort(-product, axis=1, kind="stable")[:, :7])
    assert np.allclose(found.score, np.take_along_axis(product, found.item, 1))


def test_few_vectors_are_searched_exactly_and_many_by_a_graph():
    assert build_index(VECTORS, QUERIES, threads=1, exact_below=3001).index.kind == "exact"
    measured = build_index(VECTORS, QUERIES, threads=1, exact_below=3000)
    assert measured.index.kind == "hnsw"
    assert measured.recall >= ann.MINIMUM_RECALL
    assert measured.describe() == {"kind": "hnsw", "recall@100": measured.recall, "queries": 50}


def test_an_index_that_finds_too_little_is_not_published(monkeypatch):
    monkeypatch.setattr(ann, "SEARCH_EFFORT", 100)
    monkeypatch.setattr(ann, "NEIGHBOURS", 2)
    with pytest.raises(RunFailed, match=r"at least 0\.98 is needed"):
        build_index(VECTORS, QUERIES, threads=1, exact_below=0)


@pytest.mark.parametrize("exact_below", [0, 10_000])
def test_a_stored_index_answers_the_same(tmp_path, exact_below):
    measured = build_index(VECTORS, QUERIES, threads=1, exact_below=exact_below)
    save_index(tmp_path / "index", measured, VECTORS)
    index, vectors = load_index(tmp_path / "index")
    assert index.kind == measured.index.kind
    assert isinstance(vectors, np.memmap)
    assert np.array_equal(index.search(QUERIES, 20).item, measured.index.search(QUERIES, 20).item)


def test_one_thread_links_the_same_graph_each_time():
    first, second = (HnswIndex.of(VECTORS, threads=1).search(QUERIES, 100) for _ in range(2))
    assert np.array_equal(first.item, second.item)


def test_similar_items_leave_out_the_item_itself():
    item, score = similar_to(ExactIndex(VECTORS), VECTORS, 5, 3)
    product = VECTORS @ VECTORS[5]
    product[5] = -np.inf
    assert item.tolist() == np.argsort(-product)[:3].tolist()
    assert np.allclose(score, np.sort(product)[::-1][:3])


def test_more_items_are_asked_for_than_there_are():
    found = HnswIndex.of(VECTORS[:4], threads=1).search(QUERIES, 6)
    assert (found.item[:, 4:] == -1).all()
    assert np.isneginf(found.score[:, 4:]).all()
    assert len(similar_to(ExactIndex(VECTORS[:4]), VECTORS, 0, 10)[0]) == 3


def test_recall_counts_what_was_found_and_forgives_ties():
    exact = Ranking(np.array([[0, 1], [2, 3]], np.int32), np.array([[0.9, 0.5], [0.8, 0.7]], np.float32))
    half = Ranking(np.array([[0, 7], [3, 2]], np.int32), np.array([[0.9, 0.4], [0.8, 0.7]], np.float32))
    tied = Ranking(np.array([[0, 7], [3, 2]], np.int32), np.array([[0.9, 0.5], [0.8, 0.7]], np.float32))
    assert recall(exact, exact) == 1
    assert recall(half, exact) == 0.75
    assert recall(tied, exact) == 1


def test_the_benchmark_measures_every_index_at_every_size():
    rows = measure(VECTORS, QUERIES[:5], sizes=[500, 3000, 9000], seed=0, threads=1)
    assert {row["vectors"] for row in rows} == {500, 3000}
    exact = [row for row in rows if row["index"] == "exact"]
    assert [row["recall"] for row in exact] == [1, 1]
    assert all(row["median_ms"] > 0 and row["recall"] > 0.5 for row in rows)
