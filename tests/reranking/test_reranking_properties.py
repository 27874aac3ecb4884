"""Whatever is declared and chosen: nothing that was taken away is shown, and what is promised is kept."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from stall import catalogue, requests, slates, told

from ml.domains.reranking import (
    Boost,
    Declined,
    Diversity,
    Exploration,
    Pin,
    Repeats,
    Reranking,
    Risk,
    Stock,
)
from ml.reranking.boosting import boosts
from ml.reranking.choice import Choice
from ml.reranking.pool import Pool

ROWS, ITEMS, K = 6, 14, 6
SHARES = st.floats(0, 1)
OFTEN_NONE = st.one_of(st.none(), st.none(), st.integers(0, 3))

boosted = st.builds(
    Boost, reads=st.sampled_from(["margin", "risk", "stock"]), strength=st.floats(-2, 2), full_at=st.floats(0.1, 9)
)
exploring = st.one_of(
    st.builds(Exploration, slots=st.integers(0, K + 1), temperature=st.one_of(st.none(), st.floats(0.05, 2))),
    st.builds(Exploration, epsilon=st.floats(0, 0.99), temperature=st.one_of(st.none(), st.floats(0.05, 2))),
)
pins = st.lists(
    st.builds(Pin, item_id=st.integers(0, ITEMS + 1).map("i{}".format), position=st.integers(1, K + 2)), max_size=3,
    unique_by=(lambda pin: pin.item_id, lambda pin: pin.position),
)  # fmt: skip
policies = st.builds(
    Reranking, maximum_per_category=st.one_of(st.none(), st.integers(1, 3)), pins=pins.map(tuple), exploration=exploring,
    diversity=st.builds(Diversity, weight=SHARES, brand=SHARES, vectors=SHARES),
    boosts=st.dictionaries(st.sampled_from("ab"), boosted, max_size=2), maximum_boost=SHARES,
    stock=st.one_of(st.none(), st.builds(Stock, minimum=st.integers(0, 2), keep_unknown=st.booleans())),
    repeats=st.one_of(st.none(), st.just(Repeats(events=("buy",), otherwise_days=3))),
    declined=st.one_of(st.none(), st.just(Declined(events=("decline",)))),
    risk=st.just(Risk(fact="risk", conservative_maximum=4, tolerant_minimum=3)),
)  # fmt: skip
events = st.lists(st.tuples(st.integers(0, ROWS), st.integers(0, ITEMS - 1), st.floats(0.01, 60)), max_size=20)
choices = st.builds(
    Choice, st.sampled_from([None, None, "conservative", "tolerant"]),
    st.sampled_from([(), (), ("c0",), ("c0", "c2")]),
)  # fmt: skip


@st.composite
def situations(draw):
    stall = catalogue(
        ITEMS, draw(st.integers(3, 5)), vectors=np.eye(ITEMS, 4, dtype=np.float32),
        margin=draw(st.lists(st.one_of(st.none(), st.floats(-1, 1)), min_size=ITEMS, max_size=ITEMS)),
        stock=draw(st.lists(OFTEN_NONE, min_size=ITEMS, max_size=ITEMS)),
        brand=draw(st.lists(st.sampled_from(["x", "y", None]), min_size=ITEMS, max_size=ITEMS)),
    )  # fmt: skip
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.integers(1, ITEMS))
    item = np.argsort(rng.random((ROWS, ITEMS)), axis=1)[:, :size].astype(np.int32)
    item[np.arange(size) >= rng.integers(0, size + 1, (ROWS, 1))] = -1
    score = np.where(item < 0, -np.inf, -np.sort(-rng.integers(0, 9, item.shape))).astype(np.float32)
    policy = draw(policies)
    pool = Pool(item, score, np.ones(item.shape, np.int64)).with_pinned(policy.pins, stall)
    allowed = rng.random(pool.item.shape) < draw(st.sampled_from([0.0, 0.3, 0.9, 1.0]))
    asked = told(requests(ROWS), buy=draw(events), decline=draw(events))
    return policy, {"catalogue": stall, "pool": pool, "allowed": allowed, "requests": asked, "choice": draw(choices)}


def best_of(values: list[int]) -> set[int]:
    return {value for value in values if value >= 0}


@settings(max_examples=150, deadline=None)
@given(situations())
def test_what_was_taken_away_is_in_no_slate(situation):
    policy, given_ = situation
    found = slates(policy, k=K, **given_)
    pool, stall, fits = given_["pool"], given_["catalogue"], given_["choice"].fits(policy, given_["catalogue"])
    for row in range(ROWS):
        items = [item for item in found.item[row].tolist() if item >= 0]
        assert len(set(items)) == len(items)
        permitted = best_of(pool.item[row][given_["allowed"][row]].tolist())
        assert set(items) <= permitted
        assert fits[items].all()
        if policy.stock:
            assert not (stall.number("stock")[items] <= policy.stock.minimum).any()
        if policy.declined:
            lately = given_["requests"].occurrences["decline"]
            assert not set(items) & {
                int(item)
                for user, item, at in zip(lately.user, lately.item, lately.at, strict=True)
                if user == row and given_["requests"].moment[row] - at < 30 * 86_400_000_000
            }


@settings(max_examples=150, deadline=None)
@given(situations())
def test_a_slate_is_as_long_as_what_is_left_and_has_no_gap(situation):
    policy, given_ = situation
    found = slates(policy, k=K, **given_)
    ranked = found.removal.kept & np.isfinite(given_["pool"].score)
    shown = found.item >= 0
    pinned = (shown & ~np.isfinite(found.score)).sum(axis=1)  # shown by a pin alone
    assert (shown.sum(axis=1) == np.minimum(ranked.sum(axis=1) + pinned, K)).all()
    assert (np.diff(shown.astype(int), axis=1) <= 0).all()
    assert ((found.propensity > 0) == shown).all()
    assert (found.propensity <= 1 + 1e-12).all()
    assert not (found.explored & ~shown).any()
    assert (found.removal.counts.sum(axis=1) + found.removal.kept.sum(axis=1) == found.removal.there.sum(axis=1)).all()


@settings(max_examples=150, deadline=None)
@given(situations())
def test_caps_hold_where_other_categories_can_fill_the_slate(situation):
    policy, given_ = situation
    cap = policy.maximum_per_category
    if cap is None or policy.pins:  # a person's pin may stand above the cap
        return
    found, category = slates(policy, k=K, **given_), given_["catalogue"].category
    for row in range(ROWS):
        left = np.bincount(category[given_["pool"].item[row][found.removal.kept[row]]], minlength=5)
        shown = np.bincount(category[found.item[row][found.item[row] >= 0]], minlength=5)
        if np.minimum(left, cap).sum() >= min(K, left.sum()):
            assert (shown <= cap).all()


@settings(max_examples=100, deadline=None)
@given(situations())
def test_all_boosts_together_keep_to_the_bound(situation):
    policy, given_ = situation
    moved = boosts(policy, given_["catalogue"], given_["pool"].item, given_["requests"].moment)
    assert np.isfinite(moved).all()
    assert (np.abs(moved) <= policy.maximum_boost).all()
    if policy.maximum_boost == 0 or not policy.boosts:
        assert not moved.any()


@settings(max_examples=100, deadline=None)
@given(situations())
def test_a_slate_does_not_depend_on_who_else_is_asked_for(situation):
    policy, given_ = situation
    together = slates(policy, k=K, **given_)
    row = np.array([ROWS - 1])
    pool = Pool(*(getattr(given_["pool"], name)[row] for name in ("item", "score", "sources")))
    alone = given_ | {"pool": pool, "allowed": given_["allowed"][row], "requests": given_["requests"].take(row)}
    found = slates(policy, k=K, **alone)
    for name in ("item", "score", "propensity", "explored"):
        assert np.array_equal(getattr(found, name)[0], getattr(together, name)[row[0]])
