"""The placements of the real domains on a little bundle, and draws whose propensities are true."""

from dataclasses import replace

import numpy as np
import pytest
from little_market import DAY, NOW, PLACEMENTS, USERS, engine_of

from ml.bundle.policy import Policy
from ml.domains import DOMAINS
from ml.domains.placements import Objective
from ml.domains.reranking import Exploration
from ml.errors import BadInput
from ml.reranking.reranker import Reranker
from ml.serving.contract import SlateRequest
from ml.serving.engine.release import Release

REAL = [(name, placement) for name in ("retail", "banking") for placement in DOMAINS[name].placements]


def without_consents(placement):
    """The same where the bundle's rules do not know its channel."""
    return placement if placement.channel in {None, "email"} else placement.model_copy(update={"channel": "email"})


@pytest.fixture(scope="module")
def everywhere(market):
    """The market with every placement of every real domain."""
    placements = {f"{name}/{place}": without_consents(DOMAINS[name].placements[place]) for name, place in REAL}
    return Release.of(market.domain.model_copy(update={"placements": placements}), 7, market.bundle)


@pytest.mark.parametrize(("name", "place"), REAL)
def test_every_declared_placement_answers(everywhere, name, place):
    placement, engine = DOMAINS[name].placements[place], engine_of(everywhere)
    anchor = "i012" if placement.anchored else None
    plan = everywhere.plans[f"{name}/{place}"]
    assert plan.retrievers
    if placement.retrievers:
        assert plan.retrievers <= {*placement.retrievers} or plan.retrievers == {*everywhere.bundle.recommender.names}
    slates = engine.recommend_many([SlateRequest(plan.name, user_id=user, anchor=anchor) for user in (*USERS, None)])
    assert any(len(slate.items) == placement.size for slate in slates)
    for slate in slates:
        assert len(slate.items) <= placement.size
        assert anchor not in [item.item_id for item in slate.items]
        assert placement.objective.explores or not any(item.explored for item in slate.items)


def test_without_consent_nothing_is_offered_through_a_channel(market):
    engine, facts = engine_of(market.release), market.bundle.knowledge.facts.table
    agreed = facts.column("agreed") == 1
    slates = engine.recommend_many([SlateRequest("email", user_id=user) for user in (*USERS, "stranger", None)])
    for slate, consents in zip(slates, [*agreed, False, False], strict=True):
        assert bool(slate.items) == bool(consents)
        if not consents:
            assert slate.shortfall == "no_eligible_items"
            assert "consent@1" in slate.rules
    assert 0 < agreed.sum() < len(USERS)
    assert [slate.items for slate in engine.cheap([SlateRequest("email", user_id="stranger")])] == [()]


def test_a_channel_that_no_rule_knows_is_refused_at_opening(plain):
    domain = plain.domain.model_copy(update={"placements": PLACEMENTS})
    with pytest.raises(BadInput, match="'email' has no rule of consent"):
        Release.of(domain, 1, plain.bundle)


def test_a_placement_asks_only_its_retrievers(market):
    slates = engine_of(market.release).recommend_many([SlateRequest("window", user_id=user) for user in USERS])
    assert {item.sources for slate in slates for item in slate.items} <= {("popularity",), ()}


def test_an_anchor_counts_as_the_latest_of_the_session(market):
    engine = engine_of(market.release)
    first, second = (engine.recommend(SlateRequest("page", 20, "u001", anchor=item)) for item in ("i001", "i012"))
    assert [item.item_id for item in first.items] != [item.item_id for item in second.items]


def drawing(market, exploration):
    """The release with a placement `home` that draws in this way."""
    plan = market.release.plans["home"]
    declared = plan.policy.reranker
    changed = declared.policy.model_copy(update={"exploration": exploration, "pins": ()})
    reranker = Reranker(changed, declared.catalogue, declared.intervals)
    policy = Policy(plan.policy.eligibility, plan.policy.items, reranker)
    return replace(market.release, plans={"home": replace(plan, policy=policy)})


@pytest.mark.parametrize(
    "exploration",
    [Exploration(slots=2, temperature=0.3), Exploration(slots=1), Exploration(epsilon=0.4, temperature=0.5)],
    ids=["slots by score", "a slot", "epsilon"],
)
def test_propensities_are_the_shares_of_many_draws(market, exploration):
    """Of n draws, an item of probability p is at its place n p times, give or take 4.5 standard deviations."""
    engine, draws = engine_of(drawing(market, exploration)), 600
    strangers = engine.recommend_many([SlateRequest("home", 4, f"stranger-{n}") for n in range(draws)])
    true_shares(strangers)
    if exploration.slots == 2:
        asked = [SlateRequest("home", 4, "u007")]
        true_shares([slate for n in range(draws // 2) for slate in engine.recommend_many(asked, NOW + 7 * n)])


def true_shares(slates):
    told: dict[tuple[int, str], set[float]] = {}
    count: dict[tuple[int, str], int] = {}
    moments = len(slates)
    for slate in slates:
        for item in slate.items:
            key = item.position, item.item_id
            told.setdefault(key, set()).add(round(item.propensity, 9))
            count[key] = count.get(key, 0) + 1
    assert any(share < 1 for shares in told.values() for share in shares)
    for key, shares in told.items():
        assert len(shares) == 1, key  # the same whenever it is shown
        (share,) = shares
        assert abs(count[key] - moments * share) <= 4.5 * np.sqrt(moments * share * (1 - share)) + 1e-6, key
    for position in range(1, 5):
        assert sum(min(shares) for (place, _), shares in told.items() if place == position) <= 1 + 1e-6


def test_who_explores_nothing_is_told_so(market):
    declared = Objective(explores=False).applied_to(market.domain.reranking)
    assert (declared.exploration.slots, declared.exploration.epsilon) == (0, 0)
    slates = engine_of(market.release, at=NOW + DAY).recommend_many([SlateRequest("quiet", user_id=u) for u in USERS])
    assert {item.propensity for slate in slates for item in slate.items} == {1.0}
