"""Whatever is asked for, whatever happened and whichever way the answer is found: a slate is what it must be."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from little_market import DAY, ITEMS, NOW, PLACEMENTS, SECOND, USERS, Memory, engine_of, event, resealed

from ml.data.arrays import Ragged
from ml.data.dataset import requests_for
from ml.reranking.choice import Choice
from ml.reranking.eligibility import decide
from ml.retrieval.contract import top_k
from ml.serving.contract import SessionEvent, SlateRequest
from ml.serving.engine import batching, finding, lane

MOMENT = NOW + 2 * DAY
STRANGE = ["i999", "", "Ünïcode\u0000"]
ANY_ITEM = st.sampled_from([*ITEMS, *STRANGE])
CHOICES = st.sampled_from([Choice()] * 4 + [Choice(interests=("c1", "c2")), Choice(risk="conservative")])
KINDS = ("view", "purchase", "decline", "hold", "drop", "refuse")
HAPPENED = st.lists(
    st.builds(
        event, st.sampled_from(USERS[:4]), st.sampled_from(ITEMS), st.sampled_from(KINDS), st.integers(NOW, MOMENT + SECOND),
        place_id=st.just("p0"), session_id=st.sampled_from(["s", "t"]),
    ),
    max_size=10, unique_by=lambda each: each.occurred_at,
)  # fmt: skip


@st.composite
def requests(draw):
    placement = draw(st.sampled_from(sorted(PLACEMENTS)))
    session = draw(st.lists(st.builds(SessionEvent, ANY_ITEM, st.just("view"), st.integers(NOW, MOMENT)), max_size=3))
    return SlateRequest(
        placement, draw(st.sampled_from([None, 1, 4, 10, 25, 100])),
        draw(st.sampled_from([*USERS[:6], USERS[-1], None, "stranger"])), draw(st.sampled_from([None, "s"])), session,
        draw(ANY_ITEM) if PLACEMENTS[placement].anchored else None,
        exclude=draw(st.lists(ANY_ITEM, max_size=4) | st.lists(ANY_ITEM, min_size=15, max_size=40)),
        choice=draw(CHOICES),
    )  # fmt: skip


def left_of(market, events, asked):
    """(items,) what may be shown, and what popularity finds of all but what is held and left out."""
    log, known = resealed(market, events)
    user = np.array([USERS.index(asked.user_id) if asked.user_id in USERS else -1], np.int32)
    told = known.told(requests_for(log, user, np.array([MOMENT])), len(ITEMS))
    channel = PLACEMENTS[asked.placement].channel
    policy = market.bundle.policy
    through = None if channel is None else np.array([channel], object)
    allowed = decide(policy.eligibility, told, policy.items, None, through).allowed[0].copy()
    if asked.choice.made:
        allowed &= asked.choice.fits(policy.reranker.policy, policy.reranker.catalogue)
    out = {ITEMS.index(item) for item in (*asked.exclude, asked.anchor) if item in ITEMS} | {*told.held[0].tolist()}
    allowed[sorted(out)] = False
    everything = np.arange(len(ITEMS), dtype=np.int32)[None]
    allowed &= known.occurrences["decline"].last(user, everything, told.moment)[0] < MOMENT - 90 * DAY
    gone = np.array(sorted({*out}), np.int32)
    popular = market.bundle.recommender.retrievers["popularity"].score(told)
    excluded = top_k(popular, 20, exclude=Ragged(np.array([0, len(gone)]), gone)).item[0]
    return {ITEMS[item] for item in np.flatnonzero(allowed)}, {ITEMS[item] for item in excluded if item >= 0}


def check(market, events, asked, slate):
    k = asked.k or PLACEMENTS[asked.placement].size
    shown = [item.item_id for item in slate.items]
    allowed, popular = left_of(market, events, asked)
    assert len(set(shown)) == len(shown) <= k
    assert not set(shown) & {*asked.exclude, asked.anchor}
    assert set(shown) <= allowed
    assert [item.position for item in slate.items] == list(range(1, len(shown) + 1))
    assert all(0 < item.propensity <= 1 for item in slate.items)
    assert (slate.shortfall is None) == (len(shown) == k)
    assert len(shown) >= min(k, len(allowed & popular))


def told(events):
    store = Memory()
    store.tell(*events)
    return store


@settings(max_examples=50, deadline=None)
@given(batch=st.lists(requests(), min_size=1, max_size=5), events=HAPPENED, spare=st.sampled_from([0, 3, 50]))
def test_slates_of_the_engine(market, batch, events, spare):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding, "SPARE", spare)
        slates = engine_of(market.release, told(events), at=MOMENT).recommend_many(batch)
    for asked, slate in zip(batch, slates, strict=True):
        check(market, events, asked, slate)
        assert slate.degraded is None


@settings(max_examples=50, deadline=None)
@given(before=st.lists(requests(), max_size=4), batch=st.lists(requests(), min_size=1, max_size=5), events=HAPPENED)
def test_slates_of_the_cheap_path(market, before, batch, events):
    engine = engine_of(market.release, told(events), at=MOMENT)
    engine.profiles.of(
        [user for user in {asked.user_id for asked in batch} if user], MOMENT
    )  # who is not, is as sealed
    if before:
        engine.recommend_many(before)
    for asked, slate in zip(batch, engine.cheap(batch), strict=True):
        check(market, events, asked, slate)
        assert slate.degraded in {"cached_slate", "segment_popularity"}


@settings(max_examples=15, deadline=None)
@given(batch=st.lists(requests(), min_size=1, max_size=12), events=HAPPENED, most=st.sampled_from([1, 3, 32]))
def test_slates_through_the_queue(market, batch, events, most):
    engine = engine_of(market.release, told(events), at=MOMENT)

    async def ask():
        batcher = batching.Batcher(lambda: engine)
        try:
            return await asyncio.gather(*(batcher.answer(asked) for asked in batch))
        finally:
            batcher.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lane, "MOST", most)
        slates = asyncio.run(ask())
    for asked, slate in zip(batch, slates, strict=True):
        assert (slate.placement, slate.user_id) == (asked.placement, asked.user_id)
        check(market, events, asked, slate)


def test_what_is_excluded_never_shortens_a_slate(market, monkeypatch):
    monkeypatch.setattr(finding, "SPARE", 2)
    engine = engine_of(market.release, at=MOMENT)
    asked = SlateRequest("quiet", 6, "u005")
    for _ in range(4):
        gone = {item.item_id for item in engine.recommend(asked).items}
        assert len(gone) == 6
        asked = replace(asked, exclude=[*asked.exclude, *gone])
        assert not gone & {item.item_id for item in engine.cheap([asked])[0].items}
        assert len(engine.cheap([asked])[0].items) == 6
