"""Whoever did something since the sealing is answered by the index; what a bundle by itself would answer, exactly."""

import pytest
from little_market import ITEMS, NOW, USERS, Memory, engine_of, event

from ml.bundle.ann import ExactIndex
from ml.bundle.bundle import Bundle
from ml.serving.contract import SessionEvent, SlateRequest

LATER = NOW + 1_000_000


def ids(slate):
    return [item.item_id for item in slate.items]


@pytest.fixture
def asked(monkeypatch):
    """Whom the index of `companions` was asked for, and for how many items."""
    calls = []

    def nearest(bundle, retriever, requests, k):
        if retriever != "companions":
            return None
        calls.append((len(requests), k))
        model = bundle.recommender.retrievers[retriever]
        return ExactIndex(model.item_vectors).search(model.user_vectors(requests), k)

    monkeypatch.setattr(Bundle, "nearest", nearest)
    return calls


def in_session(user, *items, **given):
    session = tuple(SessionEvent(item, "view", NOW) for item in items)
    return SlateRequest("home", k=8, user_id=user, session=session, **given)


def test_sessions_are_answered_by_the_index_as_they_would_be_without(plain, market, asked, monkeypatch):
    requests = [in_session(USERS[0], ITEMS[1], ITEMS[5]), in_session(USERS[3], ITEMS[2]), in_session(None, ITEMS[9])]
    for opened in (plain, market):
        by_index = [ids(slate) for slate in engine_of(opened.release).recommend_many(requests)]
        assert sum(count for count, _ in asked) == 3
        asked.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Bundle, "nearest", lambda *_: None)
            assert [ids(slate) for slate in engine_of(opened.release).recommend_many(requests)] == by_index


def test_what_the_bundle_would_answer_is_answered_exactly(plain, asked):
    engine = engine_of(plain.release)
    slates = engine.recommend_many([SlateRequest("home", k=8, user_id=user) for user in USERS[:6]])
    assert asked == []
    expected = plain.bundle.recommend(USERS[:6], 8)
    assert [ids(slate) for slate in slates] == [[item.item_id for item in slate.items] for slate in expected]


def test_an_event_since_the_sealing_is_reason_enough(market, asked):
    store = Memory()
    store.tell(event(USERS[2], ITEMS[4], "purchase", NOW + 1))
    engine_of(market.release, store, at=LATER).recommend(SlateRequest("home", k=8, user_id=USERS[2]))
    assert [count for count, _ in asked] == [1]


@pytest.mark.parametrize("left_out", [1, 12, len(ITEMS) - 8])
def test_what_is_excluded_never_shortens_a_slate_found_by_the_index(plain, asked, left_out):
    slate = engine_of(plain.release).recommend(in_session(USERS[0], ITEMS[1], exclude=tuple(ITEMS[:left_out])))
    assert len(slate.items) == 8
    assert not {*ids(slate)} & {*ITEMS[:left_out]}
    assert asked


def test_what_is_barred_is_asked_for_on_top(market, asked):
    engine = engine_of(market.release)
    engine.recommend(in_session(USERS[0], ITEMS[1]))
    barred = engine.profiles.of([USERS[0]], NOW)[0].barred
    quota = market.bundle.recommender.quotas["companions"]
    assert asked[0][1] == quota + 50 + len(barred)
