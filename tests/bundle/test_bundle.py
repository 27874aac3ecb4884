"""Sealing, opening and asking a bundle."""

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shop import lineage

from ml.bundle.bundle import open_bundle
from ml.bundle.seal import seal
from ml.data.windows import to_micros
from ml.errors import BadInput, RunFailed
from ml.retrieval.contract import State


def test_a_sealed_bundle_answers_as_the_recommender_that_went_in(bundle, parts):
    snapshot = parts.features.at(to_micros(parts.dataset.windows.as_of))
    fresh = parts.recommender.refresh(State(parts.dataset, snapshot.as_of))
    everybody = np.arange(len(parts.dataset.users), dtype=np.int32)
    expected = fresh.recommend(bundle.requests(everybody), snapshot, 5)
    found = bundle.slates(everybody, 5)
    assert np.array_equal(found.item, expected.item)
    assert np.array_equal(found.score, expected.score)
    assert np.array_equal(found.sources, expected.sources)


def test_a_slate_names_its_items_and_the_retrievers_that_found_them(bundle):
    (slate,) = bundle.recommend(["u003"], 5)
    described = slate.as_dict()
    assert described["user_id"] == "u003"
    assert len(described["items"]) == 5
    for item in described["items"]:
        assert item["name"] == f"Item {item['item_id'][1:]}"
        assert set(item["sources"]) <= {"popularity", "personal_frequency", "planted"}
        assert item["sources"]
    scores = [item["score"] for item in described["items"]]
    assert scores == sorted(scores, reverse=True)


def test_an_unknown_user_gets_what_is_popular(bundle):
    (slate,) = bundle.recommend(["nobody"], 5)
    assert len(slate.items) == 5
    assert all("popularity" in item.sources for item in slate.items)
    assert not any("personal_frequency" in item.sources for item in slate.items)


def test_each_user_is_answered_as_if_alone(bundle):
    together = bundle.recommend(["u001", "nobody", "u002", "u001"], 4)
    assert [slate.user_id for slate in together] == ["u001", "nobody", "u002", "u001"]
    assert together == [bundle.recommend([slate.user_id], 4)[0] for slate in together]


def test_nobody_asks_and_nothing_is_answered(bundle):
    assert bundle.recommend([], 5) == []
    with pytest.raises(BadInput, match="at least one item"):
        bundle.recommend(["u001"], 0)


def test_similar_items_are_the_nearest_vectors_without_the_item_itself(bundle, parts):
    vectors = parts.recommender.retrievers["planted"].item_vectors
    product = vectors @ vectors[7]
    product[7] = -np.inf
    expected = [f"i{i:03}" for i in np.argsort(-product, kind="stable")[:5]]
    found = bundle.similar("i007", 5)
    assert [item.item_id for item in found] == expected
    assert found[0].sources == ("planted",)


def test_an_unknown_item_is_bad_input(bundle):
    with pytest.raises(BadInput, match="no item 'i999'"):
        bundle.similar("i999", 5)


def test_the_manifest_says_where_it_came_from(bundle):
    described = bundle.manifest
    assert described["lineage"]["trained_until"] == "2017-12-18T05:00:00+00:00"
    assert {"training", "features", "data_hash", "code", "commit", "seed"} <= described["lineage"].keys()
    assert described["index"] == {"retriever": "planted", "kind": "exact", "recall@100": 1.0, "queries": 0}
    assert all(len(digest) == 64 for digest in described["files"].values())


def test_large_arrays_are_mapped_and_nothing_is_a_pickle(bundle):
    assert isinstance(bundle.snapshot.user.base, np.memmap)
    assert isinstance(bundle.log.item.base, np.memmap)
    kinds = {path.suffix for path in bundle.path.rglob("*") if path.is_file()}
    assert kinds <= {".npy", ".json", ".parquet", ".ubj"}


def test_sealing_the_same_again_makes_nothing_new(bundle, parts, monkeypatch, home):
    monkeypatch.setenv("SLATE_HOME", str(home))
    before = bundle.path.stat().st_mtime_ns
    assert seal(parts, lineage("features"), seed=0) == bundle.path
    assert bundle.path.stat().st_mtime_ns == before


@pytest.fixture(scope="module")
def copied(bundle, tmp_path_factory):
    return shutil.copytree(bundle.path, tmp_path_factory.mktemp("copy") / "bundle")


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_one_changed_byte_anywhere_is_found(copied, data):
    files = sorted(path for path in copied.rglob("*") if path.is_file() and path.name != "manifest.json")
    path = data.draw(st.sampled_from([path for path in files if path.stat().st_size]))
    original = path.read_bytes()
    at = data.draw(st.integers(0, len(original) - 1))
    path.write_bytes(original[:at] + bytes([original[at] ^ data.draw(st.integers(1, 255))]) + original[at + 1 :])
    try:
        with pytest.raises(RunFailed, match=f"{path.name} was changed"):
            open_bundle(copied)
    finally:
        path.write_bytes(original)


def test_a_missing_or_added_file_is_found(copied):
    path = copied / "features.json"
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(RunFailed, match=r"features\.json is missing"):
        open_bundle(copied)
    path.write_bytes(content)
    (copied / "extra.npy").write_bytes(b"")
    with pytest.raises(RunFailed, match=r"extra\.npy was not sealed"):
        open_bundle(copied)
    (copied / "extra.npy").unlink()
    open_bundle(copied)


def test_a_changed_lineage_is_found(copied):
    path = copied / "manifest.json"
    content = path.read_text()
    path.write_text(content.replace("2017-12-18", "2017-11-18"))
    with pytest.raises(RunFailed, match=r"manifest\.json was changed"):
        open_bundle(copied)
    path.write_text(content)
