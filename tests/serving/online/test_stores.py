"""What every online store does."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from happenings import EVENTS, NOON, happened, many
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.errors import RunFailed
from ml.serving.online.contract import ERASED, in_order, user_key
from ml.serving.online.errors import StoreGone

EXAMPLES = settings(max_examples=25, suppress_health_check=list(HealthCheck))


def test_an_empty_store_answers(store):
    assert store.apply([]) == []
    assert store.knows([]) == store.versions([]) == store.events_of([]) == store.erased() == []
    assert store.versions(["u"]) == [0]
    assert store.events_of(["u"]) == [[]]
    assert store.since(0) == store.items_since(0) == []
    assert store.last() == 0
    store.clear()


def test_events_are_numbered_as_they_come_and_ordered_as_they_happened(store):
    late, early = happened("b", occurred_at=NOON + 1), happened("a", occurred_at=NOON)
    assert store.apply([late, early]) == [True, True]
    assert store.since(0) == [(1, late), (2, early)]
    assert store.events_of(["u", "nobody"]) == [[early, late], []]
    assert store.versions(["nobody", "u"]) == [0, 2]


def test_an_event_that_comes_twice_is_what_it_was_first(store):
    first = happened("a", value=1.0)
    assert store.apply([first, happened("a", value=2.0)]) == [True, False]
    assert store.apply([happened("a", "somebody else")]) == [False]
    assert store.events_of(["u", "somebody else"]) == [[first], []]
    assert store.last() == 1
    assert store.knows(["a", "b"]) == [True, False]


@EXAMPLES
@given(batches=st.lists(st.lists(EVENTS, max_size=5), max_size=5))
def test_a_store_holds_the_first_of_each_id(make_store, batches):
    store = make_store()
    first = {}
    for batch in batches:
        for event, new in zip(batch, store.apply(batch), strict=True):
            assert new == (event.event_id not in first)
            first.setdefault(event.event_id, event)
    feed = list(enumerate(first.values(), 1))
    users = sorted({user_key(event) for event in first.values()})
    assert store.since(0) == feed
    assert store.since(2, limit=1) == feed[2:3]
    assert store.events_of(users) == [in_order(e for e in first.values() if user_key(e) == user) for user in users]
    assert store.versions(users) == [max(at for at, event in feed if user_key(event) == user) for user in users]


@EXAMPLES
@given(events=st.lists(EVENTS, unique_by=lambda event: event.event_id), order=st.randoms(use_true_random=False))
def test_the_order_in_which_events_come_does_not_matter(make_store, events, order):
    one, other = make_store(), make_store()
    shuffled = [*events, *events]
    order.shuffle(shuffled)
    one.apply(events)
    for event in shuffled:
        other.apply([event])
    users = sorted({user_key(event) for event in events})
    assert one.events_of(users) == other.events_of(users)
    assert sorted(e.event_id for _, e in one.since(0)) == sorted(e.event_id for _, e in other.since(0))


def test_the_number_of_the_log_counts_known_events_too(store):
    assert store.apply([happened("a")], at=1000) == [True]  # the log begins later
    assert store.apply([happened("a"), happened("b")], at=1001) == [False, True]
    assert store.last() == 1002
    assert store.versions(["u"]) == [1002]
    assert store.put_item("i", b"{}", at=1003) == 1003
    store.erase("u", at=1004)
    store.forget_erased(["u"], at=1005)
    assert store.last() == 1005
    for at in (1005, 1007):
        with pytest.raises(RunFailed, match=f"entry {at}.*1005"):
            store.apply([happened("c")], at=at)
    assert not store.knows(["c"])[0]


def test_items_are_told_once_more(store):
    assert store.put_item("a", b'{"stock":1}') == 1
    assert store.put_item("ü" * 600, '{"name":"日本"}'.encode()) == 2
    assert store.put_item("a", b'{"stock":0}') == 3
    assert store.items_since(0) == [(2, "ü" * 600, '{"name":"日本"}'.encode()), (3, "a", b'{"stock":0}')]
    assert store.items_since(2) == [(3, "a", b'{"stock":0}')]
    assert store.items_since(3) == []


def test_the_forgotten_are_forgotten(store):
    store.apply([happened("a", "u"), happened("b", "v"), happened("c", "u")])
    assert store.erase("u") == 2
    assert store.erase("nobody") == 0
    assert store.erased() == ["nobody", "u"]
    assert store.versions(["u", "v"]) == [ERASED, 2]
    assert store.events_of(["u"]) == [[]]
    assert [event.event_id for _, event in store.since(0)] == ["b"]
    assert store.apply([happened("a", "u")]) == [False]  # a double of what was forgotten stays forgotten
    assert store.events_of(["u"]) == [[]]


def test_the_forgotten_may_come_back(store):
    store.apply([happened("a", "u")])
    store.erase("u")
    back = happened("d", "u", NOON + 5)
    assert store.apply([back]) == [True]
    assert store.events_of(["u"]) == [[back]]
    assert store.versions(["u"]) == [2]
    assert store.erased() == ["u"]
    store.forget_erased(["u", "nobody"])
    assert store.erased() == []
    assert store.versions(["u"]) == [2]


def test_a_cleared_store_begins_anew(store):
    store.claim("log")
    store.mark_filled()
    store.apply(many(100))
    store.erase("u1")
    store.put_item("i", b"{}")
    store.clear()
    assert store.last() == 0
    assert store.versions(["u0", "u1"]) == [0, 0]
    assert store.events_of(["u0"]) == [[]]
    assert store.since(0) == store.items_since(0) == store.erased() == []
    assert store.filled_by() is None
    assert store.apply(many(1)) == [True]


def test_one_log_fills_a_store(store):
    assert store.filled_by() is None
    assert store.claim("mine") == "mine"
    assert store.claim("mine") == "mine"
    assert store.claim("yours") == "mine"
    assert store.filled_by() is None
    store.mark_filled()
    assert store.filled_by() == "mine"


def test_a_store_that_is_being_filled_is_not_believed(make_store):
    store = make_store(only_filled=True)
    store.claim("log")
    store.apply(many(3), at=1)
    reads = [lambda: store.versions(["u0"]), lambda: store.events_of(["u0"]), lambda: store.since(0),
             lambda: store.items_since(0), store.erased]  # fmt: skip
    for read in reads:
        with pytest.raises(StoreGone, match="filled"):
            read()
    assert store.last() == 3
    store.mark_filled()
    assert store.versions(["u0"]) == [1]
    for read in reads:
        read()


def test_threads_share_a_store(store):
    events = many(400, users=7)
    batches = [events[at : at + 20] for at in range(0, 400, 10)]  # each event in two of them
    with ThreadPoolExecutor(8) as pool:
        fresh = list(pool.map(store.apply, batches))
    assert sum(map(sum, fresh)) == 400
    assert [at for at, _ in store.since(0)] == list(range(1, 401))
    users = [f"u{at}" for at in range(7)]
    assert [len(found) for found in store.events_of(users)] == [58] + [57] * 6
