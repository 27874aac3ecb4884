"""A new item is in a slate at once, and every rule holds for it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shop
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.bundle.arrivals import extended
from ml.bundle.bundle import Bundle, open_bundle
from ml.bundle.seal import Sealed, seal
from ml.data.new_items import NewItem
from ml.domains.eligibility import Eligibility
from ml.domains.eligibility_rules import Comparison
from ml.domains.reranking import Reranking, Stock
from ml.errors import RunFailed
from ml.features.store import Table
from ml.reranking.past import Intervals
from ml.retrieval.contract import top_k

ITEMS = shop.ITEMS
KNOWN = [f"u{user:03}" for user in range(0, shop.USERS, 3)]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory) -> Bundle:
    """The planted shop with texts: items of one category read alike."""
    home = tmp_path_factory.mktemp("reading")
    path = shop.make_features(home / "features")
    items = shop.catalogue(ITEMS)
    words = items["category"].map(lambda category: f"words of {category} größe{category}")
    items = items.assign(
        text=words, category_path=[[f"d{n % 2}", c] for n, c in enumerate(items["category"])],
        brand=[None if n % 3 else "Eigen" for n in range(ITEMS)], stock=7.0, price=np.nan,
        launched_at=pd.Series(pd.NaT, index=items.index, dtype="datetime64[us]"),
    )  # fmt: skip
    items.to_parquet(path / "items.parquet")
    with pytest.MonkeyPatch.context() as patch, shop.declaring(reranking=Reranking(stock=Stock(), pool=100)):
        patch.setenv("SLATE_HOME", str(home))
        parts = Sealed(shop.train(path, ("popularity", "planted", "content")), *shop.open_store(path))
        found = open_bundle(seal(parts, shop.lineage("features"), seed=0))
    # Room for every item, so that the order tells all.
    return replace(
        found, recommender=replace(found.recommender, quotas=dict.fromkeys(found.recommender.names, 60), maximum=100)
    )


def like(item_id: str, category: str | None = "c1", **more: object) -> NewItem:
    """A new item that reads like those of a category."""
    told = {"name": "New", "category": category, "description": f"words of {category} größe{category}"}
    return NewItem(item_id=item_id, **{**told, **more})


def slates(bundle: Bundle, k: int = ITEMS + 5) -> list[list[str]]:
    return [[item.item_id for item in slate.items] for slate in bundle.recommend([*KNOWN, "nobody"], k)]


def test_a_new_item_is_in_the_next_slate_through_content(sealed):
    bundle = extended(sealed, [like("neu 商品")])
    found = [item for slate in bundle.recommend(KNOWN, ITEMS + 1) for item in slate.items if item.item_id == "neu 商品"]
    assert found
    assert all(item.sources == ("content",) and item.name == "New" for item in found)


def test_every_retriever_scores_the_longer_catalogue(sealed):
    bundle = extended(sealed, [like("a"), like("b")])
    asked, before = bundle.requests(np.arange(5, dtype=np.int32)), sealed.requests(np.arange(5, dtype=np.int32))
    for name, model in bundle.recommender.retrievers.items():
        scores, sealed_scores = model.score(asked), sealed.recommender.retrievers[name].score(before)
        assert scores.shape == (5, ITEMS + 2)
        np.testing.assert_array_equal(scores[:, :ITEMS], sealed_scores)
        assert (scores[:, ITEMS:] > -np.inf).any() == (name == "content")


def test_without_the_arrivals_slates_are_what_they_were(sealed):
    """The order of all that was there before stays; scores of the ranker too."""
    bundle = extended(sealed, [like("zz"), like("a", "nobody declared this")])
    for before, after in zip(slates(sealed), slates(bundle), strict=True):
        assert [item for item in after if item not in ("zz", "a")] == before


@pytest.mark.parametrize("item_id", ["i000", "i013"])
def test_what_is_out_of_stock_vanishes_and_comes_back(sealed, item_id):
    there = [item_id in slate for slate in slates(sealed)]
    assert any(there)
    gone = extended(sealed, [NewItem(item_id=item_id, stock=0)])
    assert not any(item_id in slate for slate in slates(gone))
    back = extended(gone, [NewItem(item_id=item_id, stock=3)])
    assert [item_id in slate for slate in slates(back)] == there


def test_a_new_item_may_be_withdrawn_too(sealed):
    bundle = extended(extended(sealed, [like("x")]), [NewItem(item_id="x", stock=0)])
    assert not any("x" in slate for slate in slates(bundle))
    assert bundle.catalogue["name"].iat[ITEMS] == "New"  # what was told before stays


def test_what_is_told_of_a_known_item_changes_and_the_rest_stays(sealed):
    bundle = extended(sealed, [NewItem(item_id="i004", name="Another", category="c0", margin=0.5)])
    now, before = bundle.catalogue.iloc[4], sealed.catalogue.iloc[4]
    assert (now["name"], now["category"], list(now["category_path"])) == ("Another", "c0", ["d0", "c0"])
    assert now[["item_id", "text", "brand", "stock"]].tolist() == before[["item_id", "text", "brand", "stock"]].tolist()
    assert bundle.names[4] == "Another"
    shelf, snapshot = bundle.policy.reranker.catalogue, bundle.snapshot
    assert shelf.category[4] == shelf.category[0]
    assert shelf.path[4].tolist() == shelf.path[0].tolist()
    assert shelf.number("margin")[4] == np.float32(0.5)
    assert shelf.number("stock")[4] == 7
    assert snapshot.category[4] == snapshot.category[0]
    assert sealed.catalogue["category"].iat[4] == "c4"  # the sealed bundle is as it was
    assert sealed.policy.reranker.catalogue.category[4] != sealed.policy.reranker.catalogue.category[0]


def test_many_puts_at_once_or_one_by_one_are_the_same(sealed):
    puts = [
        like("b"),
        NewItem(item_id="i001", stock=0),
        like("a"),
        NewItem(item_id="b", stock=0),
        like("b", "c2", stock=5),
    ]
    at_once, one_by_one = extended(sealed, puts), sealed
    for put in puts:
        one_by_one = extended(one_by_one, [put])
    again = extended(at_once, puts)
    assert again is at_once, "nothing is new"
    for other in (one_by_one, again):
        assert other.items.ids.tolist() == at_once.items.ids.tolist() == [*sealed.items.ids, "b", "a"]
        assert slates(other) == slates(at_once)
    assert extended(sealed, []) is sealed


def test_what_happened_with_a_new_item_is_read_by_content_alone(sealed):
    """A history that ends with a new item: content finds its like, and nobody stumbles over its number."""
    bundle = extended(sealed, [like("x", "c3")])
    asked = bundle.requests(np.array([-1], np.int32))
    history = replace(
        asked.history, offsets=np.array([0, 1]), item=np.array([ITEMS], np.int32), at=asked.moment - 1,
        session=np.zeros(1, np.int32), weight=np.ones(1, np.float32), kind=np.zeros(1, np.int32),
        value=np.ones(1, np.float32),
    )  # fmt: skip
    asked = replace(asked, history=history, session=history.items, held=history.items)
    found = bundle.recommender.retrieve(asked)
    best = top_k(bundle.recommender.retrievers["content"].score(asked), 3).item[0]
    assert {bundle.catalogue["category"].iat[item] for item in best} == {"c3"}
    assert (found["planted"].item == -1).all()  # nothing else is known of this user
    assert bundle.recommender.recommend(asked, bundle.snapshot, 5).item.shape == (1, 5)


def test_numbers_after_a_table_never_meet_another_row():
    table = Table(("n",), np.array([0 * 3 + 2, 1 * 3 + 0], np.int64), 3, np.ones((2, 1), np.float32))
    left, right = np.array([0, 0, 1], np.int32), np.array([2, 3, 0], np.int32)  # 0 * 3 + 3 is the key of (1, 0)
    assert np.isnan(table.gather(left, right)[:, 0]).tolist() == [False, True, False]
    intervals = Intervals(np.array([0 * 3 + 2, 1 * 3 + 0], np.int64), np.ones(2, np.float32), 3)
    assert np.isnan(intervals.at(np.array([0, 1], np.int32), np.array([[2, 3], [0, 1]], np.int32))).tolist() == [
        [False, True], [False, True],
    ]  # fmt: skip


def test_items_like_a_new_one_are_those_that_read_like_it(sealed):
    bundle = extended(sealed, [like("x", "c3"), like("y", "c3")])
    found = bundle.similar("x", 4)
    assert found[0].item_id == "y"
    assert {item.item_id for item in found[1:]} <= {f"i{n:03}" for n in range(3, ITEMS, 5)}
    assert bundle.similar("i003", 4) == sealed.similar("i003", 4)


def test_what_a_bundle_without_content_can_do(bundle):
    """Its known items change; a new one is known, but nobody finds it, and asking for its like says why."""
    longer = extended(bundle, [like("x"), NewItem(item_id="i000", stock=0)])
    assert not any("x" in slate for slate in slates(longer))
    with pytest.raises(RunFailed, match="no content model"):
        longer.similar("x", 3)


def test_an_item_of_unknown_words_is_no_candidate(sealed):
    bundle = extended(sealed, [NewItem(item_id="x", description="neverheard")])
    assert not any("x" in slate for slate in slates(bundle))
    assert not any(
        np.isnan(model.score(bundle.requests(np.arange(3, dtype=np.int32)))).any()
        for model in bundle.recommender.retrievers.values()
    )


RULES = Eligibility(
    categories=("c0", "c1"),
    rules=(
        Comparison(
            id="affordable", version=1, categories=("c0",), fact="income", operator=">=", value=10.0,
            for_customer="for incomes from 10", for_auditor="income >= 10",
        ),
    ),
)  # fmt: skip
CATEGORIES = st.sampled_from(["c0", "c1", "c4", "strange", None])


@pytest.fixture(scope="module")
def ruled(sealed) -> Callable[[], Bundle]:
    """The sealed bundle under these rules (handed over so that hypothesis need not print it)."""
    found = replace(sealed)
    vars(found)["policy"] = replace(sealed.policy, eligibility=RULES)
    return lambda: found


PUTS = st.lists(
    st.tuples(st.sampled_from([*(f"i{n:03}" for n in range(6)), "new", "newer"]), CATEGORIES, st.sampled_from([None, 0.0, 2.0])),
    max_size=6,
)  # fmt: skip


@given(PUTS)
@settings(max_examples=25, deadline=None)
def test_no_rule_is_broken_whatever_is_put(ruled, puts):
    """No income is known, so c0 and what nobody declared may never be shown, nor what is out of stock."""
    bundle = extended(ruled(), [like(name, category, stock=stock) for name, category, stock in puts])
    category = dict(zip(bundle.catalogue["item_id"], bundle.catalogue["category"], strict=True))
    stock = dict(zip(bundle.catalogue["item_id"], bundle.catalogue["stock"], strict=True))
    shown = {item for slate in slates(bundle) for item in slate}
    assert {category[item] for item in shown} <= {"c1"}
    assert not {item for item in shown if stock[item] == 0}
