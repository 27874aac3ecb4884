"""What happened since the sealing changes a profile as if it had been in the sealed log."""

from dataclasses import replace

import numpy as np
import pytest
import shop
from hypothesis import given, settings
from hypothesis import strategies as st
from little_market import DAY, ITEMS, NOW, SECOND, USERS, Memory, engine_of, event, resealed

from ml.data.dataset import requests_for
from ml.serving.contract import SessionEvent, SlateRequest
from ml.serving.engine.building import build_profile
from ml.serving.online.errors import StoreGone

LATER = NOW + DAY
KINDS = ("view", "add_to_basket", "purchase", "adjustment", "decline", "hold", "drop", "refuse")
HAPPENED = st.lists(
    st.builds(
        event, st.just("u003"), st.sampled_from(ITEMS[:12]), st.sampled_from(KINDS), st.integers(NOW, LATER + SECOND),
        value=st.sampled_from([None, 0.0, 2.5]), place_id=st.sampled_from([None, "p0", "a new place"]),
        session_id=st.sampled_from(["s", "t"]),
    ),
    max_size=12, unique_by=lambda each: each.occurred_at,
)  # fmt: skip


def relabelled(session):
    """Sessions by the order of their first event: which number they have means nothing."""
    _, first, number = np.unique(session, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number].tolist()


@settings(max_examples=60, deadline=None)
@given(events=HAPPENED, moment=st.sampled_from([LATER, NOW + DAY // 2]))
def test_a_profile_is_what_the_sealed_data_would_tell(market, events, moment):
    ordered = sorted(events, key=lambda each: (each.occurred_at, each.event_id))
    profile = build_profile(market.release, "u003", 1, ordered, moment)
    log, known = resealed(market, events)
    user, at = np.array([profile.number], np.int32), np.array([moment])
    asked = known.told(requests_for(log, user, at), len(ITEMS))
    for name in ("item", "at", "weight", "kind", "value"):
        assert getattr(profile.history, name).tolist() == getattr(asked.history, name).tolist(), name
    assert relabelled(profile.history.session) == relabelled(asked.history.session)
    assert profile.place == asked.place[0]
    assert profile.held.tolist() == asked.held[0].tolist()
    assert profile.barred.tolist() == asked.barred[0].tolist()
    for name in ("item", "since", "until"):
        assert getattr(profile.spans, name).tolist() == getattr(asked.spans, name).tolist(), name
    for kind, happened in asked.occurrences.items():
        own = happened.where((happened.user == user) & (happened.at < moment))
        assert [column.tolist() for column in profile.occurrences[kind]] == [own.item.tolist(), own.at.tolist()], kind
    assert np.array_equal(profile.facts.values, asked.facts.values, equal_nan=True)


@settings(max_examples=20, deadline=None)
@given(data=st.data(), events=HAPPENED)
def test_the_order_of_arrival_does_not_matter(market, data, events):
    asked, found = SlateRequest("home", user_id="u003"), []
    for order in (events, data.draw(st.permutations(events))):
        store = Memory()
        store.tell(*order)
        found.append(engine_of(market.release, store, at=LATER).recommend(asked).items)
    assert found[0] == found[1]


@pytest.fixture
def store():
    return Memory()


@pytest.fixture
def engine(market, store):
    return engine_of(market.release, store, at=LATER)


def shown(engine, k=40, **asked):
    return {item.item_id for item in engine.recommend(SlateRequest("quiet", k, **asked)).items}


def test_what_was_sealed_counts_once_however_often_it_is_told(market):
    sealed = shop.purchases(shop.AS_OF, shop.USERS, shop.ITEMS).query("user_id == 'u003'")
    told = [
        event(
            "u003", row.item_id, "purchase", int(row.occurred_at.value // 1_000), event_id=row.event_id, place_id="p0"
        )
        for row in sealed.itertuples()
    ]
    assert len(told) > 40
    alone, again = (build_profile(market.release, "u003", 1, events, LATER) for events in ([], told))
    assert again.history.item.tolist() == alone.history.item.tolist()
    assert again.live_sessions == {}
    assert np.array_equal(again.row.user, alone.row.user, equal_nan=True)


def test_a_declined_item_is_gone_at_once(engine, store):
    for _ in range(5):
        (first, *_) = engine.recommend(SlateRequest("quiet", user_id="u003")).items
        store.tell(event("u003", first.item_id, "decline", LATER - SECOND))
        assert first.item_id not in shown(engine, user_id="u003")
        assert first.item_id in shown(engine, user_id="u004") | shown(engine, user_id="u005")


def test_what_is_held_is_gone_until_it_is_dropped(engine, store):
    (first, *_) = engine.recommend(SlateRequest("quiet", user_id="u003")).items
    store.tell(event("u003", first.item_id, "hold", LATER - 3 * SECOND))
    assert first.item_id not in shown(engine, user_id="u003")
    assert first.item_id not in {each.item_id for each in engine.cheap([SlateRequest("quiet", 40, "u003")])[0].items}
    store.tell(event("u003", first.item_id, "drop", LATER - 2 * SECOND))
    assert first.item_id in shown(engine, user_id="u003")


def test_what_was_sealed_as_held_comes_back_when_it_is_dropped(engine, store, market):
    held = engine.profiles.of(["u003"], LATER)[0].held.tolist()
    assert held
    assert not {ITEMS[item] for item in held} & shown(engine, user_id="u003")
    store.tell(*(event("u003", ITEMS[item], "drop", LATER - SECOND) for item in held))
    (profile,) = engine.profiles.of(["u003"], LATER)
    assert profile.held.tolist() == profile.barred.tolist() == []


def test_an_event_of_the_future_is_not_known_yet_and_is_known_when_its_time_comes(market, store):
    now = [LATER]
    engine = replace(engine_of(market.release, store), clock=lambda: now[0])
    before = shown(engine, user_id="u003")
    gone = min(before)
    store.tell(event("u003", gone, "decline", LATER + 2 * SECOND))  # by a clock that is ahead
    assert shown(engine, user_id="u003") == before
    now[0] = LATER + 2 * SECOND + 1
    assert gone not in shown(engine, user_id="u003")
    now[0] = LATER
    assert shown(engine, user_id="u003") == before


def test_a_purchase_is_in_the_next_slates_sources(engine, store):
    asked = SlateRequest("quiet", 40, "late-comer")
    assert not any("personal_frequency" in item.sources for item in engine.recommend(asked).items)
    store.tell(event("late-comer", "i011", "purchase", LATER - SECOND, place_id="p0"))
    found = {item.item_id: item.sources for item in engine.recommend(asked).items}
    assert "personal_frequency" in found["i011"]


def test_the_live_session_is_the_current_one_without_what_says_nothing_of_liking(engine, store):
    store.tell(
        event("u003", "i011", "view", LATER - 5 * SECOND), event("u003", "i012", "decline", LATER - 4 * SECOND),
        event("u003", "i014", "view", LATER - 3 * SECOND, session_id="another"),
        event("u003", "i999", "view", LATER - 2 * SECOND), event("u003", "i010", "add_to_basket", LATER - SECOND),
    )  # fmt: skip
    (profile,) = engine.profiles.of(["u003"], LATER)
    assert profile.live_sessions == {"s": (11, 10), "another": (14,)}
    told = SessionEvent("i011", "view", 5), SessionEvent("i010", "view", 6)
    live = engine.recommend(SlateRequest("quiet", 20, "u003", "s"))
    assert live.items == engine.recommend(SlateRequest("quiet", 20, "u003", session=told[::-1])).items
    assert live.items != engine.recommend(SlateRequest("quiet", 20, "u003")).items


def test_somebody_who_did_not_sign_in_is_known_by_the_session(engine, store):
    store.tell(event(None, "i011", "purchase", LATER - SECOND, session_id="σ"))
    found = engine.recommend(SlateRequest("quiet", 40, session_id="σ"))
    assert found.user_id is None
    assert any("personal_frequency" in item.sources for item in found.items if item.item_id == "i011")
    assert shown(engine, session_id="other") == shown(engine)


def test_who_was_erased_is_a_stranger(engine, store):
    known, stranger = shown(engine, 8, user_id="u003"), shown(engine, 8, user_id="stranger")
    assert known != stranger
    store.tell(event("u003", "i011", "purchase", LATER - SECOND))
    shown(engine, user_id="u003")
    store.erase("u003")
    assert shown(engine, 8, user_id="u003") == stranger
    (profile,) = engine.profiles.of(["u003"], LATER)
    assert profile.stranger
    assert profile.number >= len(USERS)  # nothing that is known by the number is found
    assert not any(len(items) for items, _ in profile.occurrences.values())
    assert np.isnan(profile.row.user).all()
    assert engine.cheap([SlateRequest("quiet", 8, "u003")])[0].degraded == "cached_slate"
    assert shown(engine_of(engine.release, store, at=LATER), 8, user_id="u003") == stranger


def test_the_store_may_go_and_come_back(engine, store):
    store.tell(event("u003", "i011", "purchase", LATER - 9 * SECOND))
    asked, cold = SlateRequest("quiet", 10, "u003"), SlateRequest("quiet", 10, "u009")
    known = engine.recommend(asked)
    assert known.degraded is None
    for method in ("versions", "events_of"):
        store.tell(event("u003", known.items[0].item_id, "decline", LATER - SECOND))
        store.gone = {method}
        found = engine.recommend(asked)
        assert (found.degraded, found.items) == ("features_not_live", known.items)
        assert engine.recommend(cold).degraded == "features_not_live"
    store.gone = set()
    assert known.items[0].item_id not in [item.item_id for item in engine.recommend(asked).items]
    assert engine.recommend(asked).degraded is None
    with pytest.raises(StoreGone):
        store.gone.add("versions") or store.versions(["u003"])
