"""At the sealed instant the engine's slates are those of the bundle, whoever else asks and whatever is known already."""

from dataclasses import astuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from little_market import NOW, USERS, engine_of

from ml.bundle.bundle import Slate
from ml.bundle.policy import Asking
from ml.reranking.choice import Choice
from ml.serving.contract import ServedSlate, SlateRequest

EVERYBODY = [*USERS, None]
CHOICES = (Choice(), Choice(interests=("c1", "c3")), Choice(risk="conservative"))
ASKED = st.tuples(
    st.sampled_from(EVERYBODY), st.sampled_from(["home", "email"]), st.sampled_from([None, 1, 3, 10, 40, 100]),
    st.sampled_from(CHOICES),
)  # fmt: skip


def told(slate: Slate | ServedSlate) -> tuple:
    """What both kinds of slates tell."""
    names = ("item_id", "position", "score", "propensity", "sources", "reasons")
    items = [tuple(getattr(item, name) for name in names) for item in slate.items]
    return items, slate.shortfall, dict(slate.removed), tuple(slate.rules)


def by_bundle(opened, user, placement, k, choice):
    size = k or opened.domain.placements[placement].size
    asking = Asking(choice, opened.domain.placements[placement].channel)
    return told(opened.bundle.recommend([user or "nobody"], size, asking)[0])


@pytest.mark.parametrize("name", ["plain", "market"])
def test_everybody_is_answered_as_by_the_bundle(name, request):
    opened = request.getfixturevalue(name)
    slates = engine_of(opened.release).recommend_many([SlateRequest("home", user_id=user) for user in EVERYBODY])
    expected = opened.bundle.recommend([user or "nobody" for user in EVERYBODY], 6)
    assert [told(slate) for slate in slates] == [told(slate) for slate in expected]
    assert {slate.degraded for slate in slates} == {None}
    assert {(slate.model_version, slate.shown_at, slate.domain) for slate in slates} == {(7, NOW, "retail")}
    assert [slate.user_id for slate in slates] == EVERYBODY


@pytest.fixture(scope="module")
def known(market):
    """What the bundle says, by what is asked for; an engine that keeps profiles from example to example."""
    expected, engine = {}, engine_of(market.release)
    return lambda: (expected, engine)  # prints as little


@settings(max_examples=40, deadline=None)
@given(batch=st.lists(ASKED, min_size=1, max_size=9), warm=st.booleans())
def test_a_batch_of_any_composition_and_order_is_answered_as_by_the_bundle(market, known, batch, warm):
    expected, kept = known()
    engine = kept if warm else engine_of(market.release)
    for asked in batch:
        if astuple_of(asked) not in expected:
            expected[astuple_of(asked)] = by_bundle(market, *asked)
    slates = engine.recommend_many([
        SlateRequest(placement, k, user, choice=choice) for user, placement, k, choice in batch
    ])  # fmt: skip
    assert [told(slate) for slate in slates] == [expected[astuple_of(asked)] for asked in batch]
    assert len({slate.slate_id for slate in slates}) == len(batch)


def astuple_of(asked):
    *rest, choice = asked
    return (*rest, astuple(choice))


def test_the_same_user_may_ask_twice_in_a_batch(market):
    asked = [
        SlateRequest("home", user_id="u004"),
        SlateRequest("home", 3, "u004"),
        SlateRequest("home", user_id="u004"),
    ]
    first, few, again = engine_of(market.release).recommend_many(asked)
    assert told(first) == told(again)
    assert told(first)[0] != told(few)[0]
    assert first.slate_id != again.slate_id


def test_without_draws_someone_unknown_is_answered_as_nobody(market, plain):
    for opened in (market, plain):
        asked = [SlateRequest("quiet", user_id=user) for user in ("stranger", None, "Σ-ßtränge/\u200b🧺", "x" * 5000)]
        first, *others = [told(slate) for slate in engine_of(opened.release).recommend_many(asked)]
        assert others == [first] * 3
    assert first[0] == told(opened.bundle.recommend(["stranger"], 6)[0])[0]


def test_strangers_are_drawn_for_apart(market):
    asked = [SlateRequest("home", 5, f"stranger-{n}") for n in range(30)]
    slates = engine_of(market.release).recommend_many(asked)
    assert len({tuple(item.item_id for item in slate.items) for slate in slates}) > 10


def test_the_same_request_at_the_same_moment_gives_the_same_slate_in_a_fresh_engine(market):
    asked = [SlateRequest(name, user_id=user) for user in (*USERS[:5], "stranger") for name in ("home", "email")]
    moment = NOW + 12_345_678
    first, second = (engine_of(market.release).recommend_many(asked, moment) for _ in range(2))
    assert [told(slate) for slate in first] == [told(slate) for slate in second]


def test_no_requests_no_slates(market):
    assert engine_of(market.release).recommend_many([]) == []
