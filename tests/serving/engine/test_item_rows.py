"""Items' features follow what happened, however it is told: all at once or bit by bit."""

from dataclasses import fields, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from little_market import DAY, ITEMS, NOW, engine_of, event

from ml.data.new_items import NewItem
from ml.features.item_evaluation import Since, item_features
from ml.serving.engine.arriving import with_items
from ml.serving.engine.featuring import ItemRows
from ml.serving.online.contract import user_key

HAPPENED = st.lists(
    st.builds(
        event, st.sampled_from(["u003", "u007", "somebody new", None]), st.sampled_from([*ITEMS[:6], "of no catalogue"]),
        st.sampled_from(["view", "purchase"]), st.integers(NOW, NOW + DAY), session_id=st.sampled_from(["s", "t"]),
    ),
    min_size=1, max_size=12, unique_by=lambda each: each.occurred_at,
)  # fmt: skip


SOONER_OR_LATER = st.lists(
    st.builds(
        event, st.sampled_from(["u003", "u007", "somebody new", None]), st.sampled_from([*ITEMS[:6], "of no catalogue"]),
        st.sampled_from(["view", "purchase"]), st.integers(NOW - 60 * DAY, NOW + DAY), session_id=st.sampled_from("st"),
    ),
    min_size=1, max_size=12, unique_by=lambda each: each.occurred_at,
)  # fmt: skip


class Feed:
    """What happened so far."""

    def __init__(self):
        self.told = []

    def since(self, sequence, limit=10_000):
        return [(at, told) for at, told in enumerate(self.told, 1) if at > sequence][:limit]


@settings(max_examples=25, deadline=None)
@given(events=HAPPENED, cuts=st.sets(st.integers(1, 11), max_size=3))
def test_told_bit_by_bit_is_told_at_once(market, events, cuts):
    moment, whole, bits = NOW + 2 * DAY, Feed(), Feed()
    whole.told = events
    at_once, rested = ItemRows(market.release.featuring), []
    assert at_once.refresh(whole, moment) == len(events)
    bit_by_bit = ItemRows(market.release.featuring)
    for stop in [*sorted(cut for cut in cuts if cut < len(events)), len(events)]:
        bits.told = events[:stop]
        bit_by_bit.refresh(bits, moment, lambda: rested.append(None))
    np.testing.assert_allclose(bit_by_bit.rows, at_once.rows, rtol=1e-6)
    assert rested


TOLD = [NewItem.told("of no catalogue", {"category": "c1"}), NewItem.told(ITEMS[0], {"category": "c2"})]


def keys_of(events):
    """By which the store knows whoever did them, each once."""
    return list(dict.fromkeys(user_key(each) for each in events))


def described(featuring, events, users):
    """What happened as traces of these users, by their keys in the store."""
    item = featuring.bundle.items.encode(np.array([each.item_id for each in events], object))
    return featuring.describing.trace(len(users), [users.index(user_key(each)) for each in events], item, events)


@settings(max_examples=25, deadline=None)
@given(events=HAPPENED)
def test_what_happened_is_described_again_by_what_is_told_of_items_later(market, events):
    then = market.release.featuring
    now = with_items(engine_of(market.release), TOLD).release.featuring
    users = keys_of(events)
    again = now.describing.again(described(then, events, users), [item.item_id for item in TOLD])
    expected = described(now, events, users)
    for column in fields(expected):
        np.testing.assert_array_equal(getattr(again, column.name), getattr(expected, column.name), column.name)
    assert (again.item >= 0).all()


@settings(max_examples=15, deadline=None)
@given(events=HAPPENED, cut=st.integers(0, 12), refreshed=st.booleans())
def test_rows_go_on_where_items_are_told_of(market, events, cut, refreshed):
    release, feed = replace(market.release, item_features=ItemRows(market.release.featuring)), Feed()
    feed.told = events[:cut]
    release.item_features.refresh(feed, NOW + 2 * DAY)
    changed = with_items(engine_of(release), TOLD[:1])
    if refreshed:
        changed.release.item_features.refresh(feed, NOW + 3 * DAY)
    rows = with_items(changed, TOLD[1:]).release.item_features
    feed.told = events
    rows.refresh(feed, NOW + 4 * DAY)
    at_once = ItemRows(with_items(engine_of(release), TOLD).release.featuring)
    at_once.refresh(feed, NOW + 4 * DAY)
    np.testing.assert_allclose(rows.rows, at_once.rows, rtol=1e-6)


def counted_anew(featuring, events, moment):
    """The rows as whole traces of everybody who did something tell them."""
    users = keys_of(events)
    rows = featuring.bundle.users.encode(np.array(users, object)).astype(np.int64)
    traces = featuring.bundle.traces
    whole = Since(traces.trace.take(rows).merged(described(featuring, events, users)), rows)
    return item_features(featuring.evaluator, traces, moment, since=[whole])


@settings(max_examples=60, deadline=None)
@given(
    events=SOONER_OR_LATER, again=st.sets(st.integers(0, 11), max_size=4), cuts=st.sets(st.integers(1, 15), max_size=3)
)
def test_what_lies_before_sealed_events_counts_as_if_all_were_counted_anew(market, events, again, cuts):
    featuring, moment, feed = market.release.featuring, NOW + 2 * DAY, Feed()
    told = [*events, *(events[at] for at in again if at < len(events))]
    rows = ItemRows(featuring)
    for stop in [*sorted(cut for cut in cuts if cut < len(told)), len(told)]:
        feed.told = told[:stop]
        rows.refresh(feed, moment)
    expected = counted_anew(featuring, told, moment)
    np.testing.assert_allclose(rows.rows[:, : expected.shape[1]], expected, rtol=1e-6)


def test_nothing_is_computed_where_nothing_happened(market):
    rows = ItemRows(market.release.featuring)
    before = rows.rows
    assert rows.refresh(Feed(), NOW + 1) == 0
    assert rows.rows is before
