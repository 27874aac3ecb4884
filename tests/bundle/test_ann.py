"""The index of item vectors: exact when small, lists when large, never published when it finds too little."""

import shutil
from dataclasses import replace

import faiss
import numpy as np
import pytest

from ml.bundle import ann
from ml.bundle.ann import ExactIndex, ListIndex, build_index, load_index, recall, save_index, similar_to
from ml.bundle.ann_benchmark import measure, measure_bundle
from ml.errors import RunFailed
from ml.retrieval.contract import Ranking


def unit_vectors(count: int, seed: int, size: int = 16) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def clustered(count: int, seed: int) -> np.ndarray:
    """Vectors around forty centres, as items are: a list or a few hold all that is near."""
    near = np.random.default_rng(seed).normal(0, 0.05, (count, 16)) + unit_vectors(40, 9)[np.arange(count) % 40]
    return (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)


VECTORS, QUERIES = clustered(3000, 1), clustered(50, 2)


def test_exact_search_is_a_sort_by_inner_product():
    found = ExactIndex(VECTORS).search(QUERIES, 7)
    product = QUERIES @ VECTORS.T
    assert np.array_equal(found.item, np.argsort(-product, axis=1, kind="stable")[:, :7])
    assert np.allclose(found.score, np.take_along_axis(product, found.item, 1))


def test_few_vectors_are_searched_exactly_and_many_by_lists():
    assert build_index(VECTORS, QUERIES, exact_below=3001).index.kind == "exact"
    measured = build_index(VECTORS, QUERIES, exact_below=3000)
    assert measured.index.kind == "ivf"
    assert measured.recall >= ann.MINIMUM_RECALL
    assert measured.describe() == {"kind": "ivf", "recall@100": measured.recall, "queries": 50}


def test_no_more_is_read_than_is_needed(monkeypatch):
    lists = build_index(VECTORS, QUERIES, exact_below=0).index
    assert lists.probes < len(lists.centroid) / 2
    monkeypatch.setattr(ann, "EFFORTS", (1 / 2,))
    assert build_index(VECTORS, QUERIES, exact_below=0).index.probes == round(len(lists.centroid) / 2)


def test_an_index_that_finds_too_little_is_not_published():
    with pytest.raises(RunFailed, match=r"at least 0\.98 is needed"):  # nothing is near anything: no list helps
        build_index(unit_vectors(3000, 1), unit_vectors(50, 2), exact_below=0)


@pytest.mark.parametrize("exact_below", [0, 10_000])
def test_a_stored_index_answers_the_same(tmp_path, exact_below):
    measured = build_index(VECTORS, QUERIES, exact_below=exact_below)
    save_index(tmp_path / "index", measured, VECTORS)
    index, vectors = load_index(tmp_path / "index")
    assert index.kind == measured.index.kind
    assert isinstance(vectors.base, np.memmap)
    assert np.array_equal(index.search(QUERIES, 20).item, measured.index.search(QUERIES, 20).item)


def test_stored_lists_are_mapped_so_that_processes_share_them(tmp_path):
    save_index(tmp_path / "index", build_index(VECTORS, QUERIES, exact_below=0), VECTORS)
    index, _ = load_index(tmp_path / "index")
    assert isinstance(index, ListIndex)
    assert all(isinstance(part.base, np.memmap) for part in (index.centroid, index.start, index.item, index.member))


def of_faiss(lists: ListIndex) -> faiss.IndexIVFFlat:
    """The same lists, read by faiss."""
    nearest = faiss.IndexFlatIP(16)
    nearest.add(lists.centroid)
    peer = faiss.IndexIVFFlat(nearest, 16, len(lists.centroid), faiss.METRIC_INNER_PRODUCT)
    peer.is_trained, peer.nprobe = True, lists.probes
    peer.add(VECTORS)
    return peer


def test_lists_that_were_sealed_for_faiss_are_read_as_they_were(tmp_path):
    measured = build_index(VECTORS, QUERIES, exact_below=0)
    lists = measured.index.reading(1 / 4)
    save_index(tmp_path / "index", measured, VECTORS)
    shutil.rmtree(tmp_path / "index" / "lists")
    faiss.write_index(of_faiss(lists), str(tmp_path / "index" / "lists.faiss"))
    index, _ = load_index(tmp_path / "index")
    assert index.probes == lists.probes
    assert np.array_equal(index.search(QUERIES, 20).item, lists.search(QUERIES, 20).item)


@pytest.mark.parametrize("share", [1 / 64, 1 / 4, 1.0])
@pytest.mark.parametrize("k", [1, 20, 400, 4000])
def test_lists_find_what_faiss_finds(share, k):
    lists = ListIndex.of(VECTORS).reading(share)
    found, (score, item) = lists.search(QUERIES, k), of_faiss(lists).search(QUERIES, k)
    assert np.array_equal(found.item >= 0, item >= 0)
    np.testing.assert_allclose(found.score[item >= 0], score[item >= 0], atol=1e-6)
    assert all(set(mine) == set(theirs) for mine, theirs in zip(found.item, item, strict=True))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_query_that_is_no_vector_is_an_error_rather_than_any_items(wrong):
    queries = QUERIES[:3].copy()
    queries[1, 4] = wrong
    with pytest.raises(ValueError, match="not a number"):
        ListIndex.of(VECTORS).search(queries, 5)


def test_lists_that_are_all_read_find_what_is_exact_ties_too():
    # In so coarse steps that products add up to the same in whatever order a processor takes them.
    vectors, queries = np.round(1_024 * VECTORS[:1_000]) / 1_024, np.round(1_024 * QUERIES) / 1_024
    vectors = np.repeat(vectors, 3, axis=0)  # each thrice
    found, exact = ListIndex.of(vectors).reading(1.0).search(queries, 100), ExactIndex(vectors).search(queries, 100)
    assert np.array_equal(found.score, exact.score)
    assert np.array_equal(found.item, exact.item)


def test_the_same_vectors_give_the_same_lists():
    first, second = (ListIndex.of(VECTORS).search(QUERIES, 100) for _ in range(2))
    assert np.array_equal(first.item, second.item)


def test_similar_items_leave_out_the_item_itself():
    item, score = similar_to(ExactIndex(VECTORS), VECTORS, 5, 3)
    product = VECTORS @ VECTORS[5]
    product[5] = -np.inf
    assert item.tolist() == np.argsort(-product)[:3].tolist()
    assert np.allclose(score, np.sort(product)[::-1][:3])


def test_more_items_are_asked_for_than_there_are():
    found = ListIndex.of(VECTORS).reading(1 / 64).search(QUERIES, 1000)
    missing = found.item < 0
    assert missing.any()
    assert np.isneginf(found.score[missing]).all()
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
    assert all(row["median_ms"] > 0 and 0 < row["recall"] <= 1 for row in rows)


def test_a_bundle_is_measured_on_its_own_vectors(bundle):
    rows = measure_bundle(bundle)
    assert {row["vectors"] for row in rows} == {len(bundle.items)}
    assert [row["recall"] for row in rows if row["index"] == "exact"] == [1]


def test_a_bundle_asks_its_index_for_the_retriever_whose_vectors_it_holds(bundle):
    requests = bundle.requests(np.arange(6, dtype=np.int32))
    model = bundle.recommender.retrievers["planted"]
    assert bundle.nearest("planted", requests, 5) is None  # so few vectors are searched exactly anyway
    described = {**bundle.manifest["index"], "kind": "ivf"}
    listed = replace(bundle, manifest={**bundle.manifest, "index": described})
    lists = ListIndex.of(model.item_vectors)
    listed.__dict__["_index"] = lists.reading(1.0), model.item_vectors
    assert listed.nearest("popularity", requests, 5) is None
    found, exact = listed.nearest("planted", requests, 5), ExactIndex(model.item_vectors)
    np.testing.assert_allclose(found.score, exact.search(model.user_vectors(requests), 5).score, atol=1e-6)
