"""A slate is short only where nothing is left of all that the recommender has, however few candidates are re-ranked."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from little_bank import WORDS, items_of, requests_of, users_of
from stall import catalogue

from ml.bundle.policy import Answer, Asking, Policy
from ml.data.arrays import Ragged
from ml.data.requests import Requests
from ml.domains.eligibility import Eligibility
from ml.domains.eligibility_rules import Comparison
from ml.domains.reranking import Exploration, Pin, Reranking
from ml.ranking.recommender import Slates
from ml.reranking.past import Intervals
from ml.reranking.reranker import FEW_LEFT, Reranker

ITEMS = 14
OLD_ENOUGH = Comparison(id="old_enough", fact="age", operator=">=", item_fact="minimum_age", **WORDS)


@dataclass
class ByNumber:
    """Ranks items by their number; remembers how many candidates were asked for, and for how many requests."""

    maximum: int = ITEMS
    asked: list[tuple[int, int]] = field(default_factory=list)

    def recommend(self, requests: Requests, snapshot: None, k: int, *, exclude: Ragged | None = None) -> Slates:
        self.asked.append((len(requests), k))
        item = np.full((len(requests), k), -1, np.int32)
        for row in range(len(requests)):
            out = [] if exclude is None else exclude[row].tolist()
            found = [each for each in range(self.maximum) if each not in out][:k]
            item[row, : len(found)] = found
        score = np.where(item >= 0, ITEMS - item, -np.inf).astype(np.float32)
        return Slates(item, score, (item >= 0).astype(np.int64))


def policy(ages: list[int], **declared: object) -> Policy:
    """Item n may be had from the n-th age on."""
    items = items_of(**{f"i{n}": ("thing", {"minimum_age": age}) for n, age in enumerate(ages)})
    reranker = Reranker(Reranking(**declared), catalogue(len(ages)), Intervals.none())
    return Policy(Eligibility(rules=(OLD_ENOUGH,)), items, reranker)


def people(*ages: int) -> Requests:
    return requests_of(users_of(*({"age": age} for age in ages)))


def answered(under: Policy, model: ByNumber, asked: Requests, k: int, exclude: Ragged | None = None) -> Answer:
    return under.answer(model, asked, None, k, exclude, Asking())


ages = st.lists(st.integers(0, 3), min_size=ITEMS, max_size=ITEMS)


@settings(max_examples=80)
@given(
    ages=ages, users=st.lists(st.integers(0, 3), min_size=1, max_size=5), pool=st.integers(1, ITEMS),
    k=st.integers(1, 8), maximum=st.integers(1, ITEMS), slots=st.integers(0, 2), barred=st.sets(st.integers(0, ITEMS - 1)),
)  # fmt: skip
def test_a_slate_is_full_whenever_enough_may_be_shown(ages, users, pool, k, maximum, slots, barred):
    under = policy(ages, pool=pool, exploration=Exploration(slots=slots))
    exclude = Ragged.from_pairs(
        np.repeat(np.arange(len(users)), len(barred)), np.array([*barred] * len(users), np.int32), len(users)
    )
    found = answered(under, ByNumber(maximum), people(*users), k, exclude)
    for row, user in enumerate(users):
        may = [item for item in range(maximum) if ages[item] <= user and item not in barred]
        shown = [item for item in found.reranked.item[row].tolist() if item >= 0]
        assert len(shown) == min(k, len(may))
        assert set(shown) <= set(may)


@settings(max_examples=40)
@given(ages=ages, users=st.lists(st.integers(0, 3), min_size=2, max_size=5), pool=st.integers(2, ITEMS))
def test_a_slate_does_not_depend_on_who_else_is_asked_about(ages, users, pool):
    under = policy(ages, pool=pool, pins=(Pin(item_id="i9", position=1),), exploration=Exploration(epsilon=0.3))
    together = answered(under, ByNumber(), people(*users), 4)
    for row, age in enumerate(users):
        own = replace(people(age), user=np.array([row], np.int32))
        alone = answered(under, ByNumber(), own, 4)
        for name in ("item", "score", "sources", "rank", "propensity", "explored"):
            np.testing.assert_array_equal(getattr(together.reranked, name)[row], getattr(alone.reranked, name)[0])
        assert together.rules_of(row) == alone.rules_of(0)
        assert together.reranked.removal.counts[row].tolist() == alone.reranked.removal.counts[0].tolist()


def test_only_those_whose_slates_are_short_are_asked_about_again():
    model = ByNumber()
    found = answered(policy([9, 9, 9, *[0] * 11], pool=4), model, people(1, 9, 1), 3)
    assert model.asked == [(3, 4), (2, ITEMS)]
    assert found.reranked.item.tolist() == [[3, 4, 5], [0, 1, 2], [3, 4, 5]]
    assert found.decisions.rules(0, 0) == ("old_enough@1",)
    assert found.decisions.allowed[1].tolist() == [True] * 4 + [False] * 10  # nobody looked any further
    assert found.reranked.rank[0].tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("user", "maximum", "pool"), [(9, ITEMS, 4), (1, 4, 4), (1, 4, 9)], ids=["full", "the pool is all", "nothing left"]
)
def test_nobody_is_asked_about_again_where_it_would_not_help(user, maximum, pool):
    model = ByNumber(maximum)
    found = answered(policy([9, 9, *[0] * 12], pool=pool), model, people(user), 3)
    assert model.asked == [(1, pool)]
    assert found.reranked.shortfall(0) == (None if user == 9 else FEW_LEFT)
