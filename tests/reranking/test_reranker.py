"""Each step of re-ranking on a stall where the answer can be told by hand."""

import numpy as np
import pytest
from stall import MOMENT, catalogue, pool, requests, slates, told

from ml.data.facts import DAY_US
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
from ml.errors import BadInput, RunFailed
from ml.reranking import reranker
from ml.reranking.choice import Choice
from ml.reranking.pool import Pool
from ml.reranking.reranker import FEW_LEFT, NO_CANDIDATES, NO_ELIGIBLE, NOTHING_LEFT

NONE = Reranking()


def shown(policy, **given):
    return slates(policy, **given).item[0].tolist()


def only(*items, of=12):
    mask = np.zeros((1, of), bool)
    mask[0, list(items)] = True
    return mask


def test_without_a_policy_a_slate_is_the_rankers_order():
    found = slates(NONE, k=4, rows=2)
    assert found.item.tolist() == [[0, 1, 2, 3]] * 2
    assert found.score.tolist() == [[12, 11, 10, 9]] * 2
    assert found.rank.tolist() == [[0, 1, 2, 3]] * 2
    assert (found.propensity == 1).all()
    assert not found.explored.any()
    assert found.removal.counts.sum() == 0


def test_equal_scores_keep_the_rankers_order():
    level = Pool(np.array([[7, 3, 5]], np.int32), np.ones((1, 3), np.float32), np.zeros((1, 3), np.int64))
    assert shown(NONE, pool=level, k=3) == [7, 3, 5]


def test_what_rules_forbid_is_not_shown_and_counted():
    found = slates(NONE, allowed=only(2, 5, 9))
    assert found.item[0].tolist() == [2, 5, 9, -1, -1]
    assert found.removal.counts[0].tolist() == [9, 0, 0, 0, 0]
    assert found.shortfall(0) == FEW_LEFT
    assert slates(NONE, allowed=only(2, 5, 9), k=3).shortfall(0) is None
    assert found.removal.named(int(found.removal.bits[0, 0])) == ("rules",)
    assert found.propensity[0].tolist() == [1, 1, 1, 0, 0]


def test_an_empty_slate_says_why():
    assert slates(NONE, allowed=only()).shortfall(0) == NO_ELIGIBLE
    nobody = Pool(*(np.full((1, 2), fill) for fill in (np.int32(-1), np.float32(-np.inf), np.int64(0))))
    found = slates(NONE, pool=nobody)
    assert found.item[0].tolist() == [-1] * 5
    assert found.shortfall(0) == NO_CANDIDATES
    sold_out = slates(Reranking(stock=Stock()), catalogue=catalogue(12, stock=[0] * 12), allowed=only(1, 2))
    assert sold_out.shortfall(0) == NOTHING_LEFT
    assert sold_out.removal.counts[0].tolist() == [10, 0, 2, 0, 0]


def test_no_candidates_at_all_are_no_error():
    nothing = Pool(*(np.zeros((3, 0), kind) for kind in (np.int32, np.float32, np.int64)))
    assert slates(NONE, pool=nothing, rows=3, k=2).item.tolist() == [[-1, -1]] * 3


def test_a_category_is_capped_as_long_as_there_is_another():
    policy = Reranking(maximum_per_category=1)
    six = catalogue(6, category=["a", "a", "a", "b", "b", None], category_path=[[]] * 6)
    assert shown(policy, items=6, catalogue=six, k=3) == [0, 3, 5]
    assert shown(policy, items=6, catalogue=six, k=5) == [0, 3, 5, 1, 2]


def test_diversity_trades_relevance_for_unlikeness():
    # Relevance 1, 2/3, 1/3, 0. Likeness to item 0: same category 1, same department 1/2, neither 0.
    four = catalogue(4, category_path=[["d", "a"], ["d", "a"], ["d", "b"], ["e", "c"]])
    half = Reranking(diversity=Diversity(weight=0.5))
    assert shown(half, items=4, catalogue=four, k=2) == [0, 3]  # 1/3 - 1/2 < 1/6 - 1/4 < 0 - 0
    slight = Reranking(diversity=Diversity(weight=0.1))
    assert shown(slight, items=4, catalogue=four, k=2) == [0, 1]


@pytest.mark.parametrize("by", ["brand", "vectors"])
def test_brand_and_vectors_are_likenesses_too(by):
    vectors = np.array([[2, 0], [2, 0], [0, 1]], np.float32)
    three = catalogue(3, vectors=vectors, brand=["x", "x", "y"])
    policy = Reranking(diversity=Diversity(weight=0.6, category=0, **{by: 1}))
    assert shown(policy, items=3, catalogue=three, k=3) == [0, 2, 1]


def test_vectors_that_are_not_there_count_for_nothing():
    policy = Reranking(diversity=Diversity(weight=0.9, category=0, vectors=1))
    assert shown(policy) == [0, 1, 2, 3, 4]


def test_boosts_move_an_item_no_further_than_the_bound():
    # Normalised scores 1, 0.75, 0.5, 0.25, 0. Item 4 is boosted by 0.5 twice, but by 0.3 at most.
    five = catalogue(5, margin=[0, 0, 0, 0, 0.5], launched_at=[None] * 4 + ["2024-10-04"])
    strong = {
        "margin": Boost(reads="margin", strength=0.5, full_at=0.5),
        "new": Boost(reads="launched_at", strength=0.5, within_days=30),
    }
    policy = Reranking(boosts=strong, maximum_boost=0.3)
    assert shown(policy, items=5, catalogue=five) == [0, 1, 2, 4, 3]
    assert shown(Reranking(boosts=strong, maximum_boost=0), items=5, catalogue=five) == [0, 1, 2, 3, 4]
    down = {"margin": Boost(reads="margin", strength=-1, full_at=0.5)}
    assert shown(Reranking(boosts=down), items=5, catalogue=five) == [0, 1, 2, 3, 4]


def test_a_launch_fades_and_does_not_count_before_its_day():
    # The moment is 2024-10-04. Normalised scores 1, 0.5, 0.
    policy = Reranking(boosts={"new": Boost(reads="launched_at", strength=1, within_days=10)}, maximum_boost=1)
    three = catalogue(3, launched_at=["2024-01-01", "2024-10-05", "2024-10-01"])
    assert shown(policy, items=3, catalogue=three) == [0, 2, 1, -1, -1]  # 0.7 beats 0.5
    with pytest.raises(ValueError, match="within_days"):
        Boost(reads="launched_at", strength=1)


def test_a_boost_of_something_that_no_item_has_is_bad_input():
    with pytest.raises(BadInput, match=r"'fee' of items; there are: launched_at, margin, risk, stock"):
        slates(Reranking(boosts={"fee": Boost(reads="fee", strength=1)}))


def test_items_without_stock_are_left_out():
    three = catalogue(3, stock=[2, 3, None])
    assert shown(Reranking(stock=Stock(minimum=2)), items=3, catalogue=three, k=3) == [1, 2, -1]
    unknown_goes = Reranking(stock=Stock(minimum=2, keep_unknown=False))
    assert shown(unknown_goes, items=3, catalogue=three, k=3) == [1, -1, -1]


def test_what_was_bought_comes_back_when_it_is_due():
    policy = Reranking(repeats=Repeats(events=("buy",), due_share=0.5))
    bought = told(
        requests(1),
        buy=[
            (0, 0, 24), (0, 0, 14), (0, 0, 4),  # every ten days, four ago: not due
            (0, 1, 26), (0, 1, 16), (0, 1, 6),  # every ten days, six ago: due
            (0, 2, 4), (1, 2, 20), (1, 2, 8),  # once, but others buy it every twelve days: not due
            (0, 3, 1),  # nobody bought it twice
        ],
    )  # fmt: skip
    assert shown(policy, requests=bought) == [1, 3, 4, 5, 6]
    four = Reranking(repeats=Repeats(events=("buy",), otherwise_days=4))
    assert shown(four, requests=bought) == [1, 4, 5, 6, 7]
    assert shown(NONE, requests=bought) == [0, 1, 2, 3, 4]


def test_of_another_users_purchases_only_the_interval_counts():
    bought = told(requests(2), buy=[(1, 0, 20), (1, 0, 10), (1, 0, 0.5)])
    found = slates(Reranking(repeats=Repeats(events=("buy",))), rows=2, requests=bought)
    assert found.item[:, 0].tolist() == [0, 1]


def test_two_purchases_on_one_instant_are_one():
    bought = told(requests(1), buy=[(0, 0, 1), (0, 0, 1)])
    assert shown(Reranking(repeats=Repeats(events=("buy",))), requests=bought)[0] == 0


def test_what_was_declined_stays_away_for_a_while():
    policy = Reranking(declined=Declined(events=("decline", "hide"), days=30))
    given = [(0, 0, 29), (0, 1, 31), (0, 1, 60), (0, 2, 90), (0, 2, 1)]
    assert shown(policy, requests=told(requests(1), decline=given, hide=[(0, 4, 3)])) == [1, 3, 5, 6, 7]


def test_of_an_unknown_user_nothing_is_known():
    policy = Reranking(declined=Declined(events=("decline",)))
    stranger = told(requests(1), decline=[(0, 0, 1)])
    stranger.user[:] = -1
    assert shown(policy, requests=stranger) == [0, 1, 2, 3, 4]


def test_events_that_nobody_told_of_are_no_silent_pass():
    with pytest.raises(RunFailed, match="'decline' last happened"):
        slates(Reranking(declined=Declined(events=("decline",))))


def test_a_person_chooses_by_risk_and_interest():
    policy = Reranking(risk=Risk(fact="risk", conservative_maximum=2, tolerant_minimum=6))
    assert shown(policy, choice=Choice("conservative")) == [0, 1, 7, 8, -1]
    assert shown(policy, choice=Choice("tolerant")) == [5, 6, -1, -1, -1]
    assert shown(policy, choice=Choice("conservative", ("c0", "c3"))) == [0, 7, 8, -1, -1]
    found = slates(policy, choice=Choice("tolerant"))
    assert found.removal.counts[0].tolist() == [0, 10, 0, 0, 0]


def test_a_risk_that_is_not_known_fits_no_choice():
    policy = Reranking(risk=Risk(fact="margin", conservative_maximum=2, tolerant_minimum=1))
    for temper in ("conservative", "tolerant"):
        assert shown(policy, choice=Choice(temper)) == [-1] * 5


def test_a_choice_that_cannot_be_made_is_bad_input():
    with pytest.raises(BadInput, match=r"declares no Reranking\.risk"):
        slates(NONE, choice=Choice("tolerant"))
    with pytest.raises(BadInput, match="'c9'; there are: c0, c1, c2, c3"):
        slates(NONE, choice=Choice(interests=("c0", "c9")))


def test_a_pin_stands_at_its_place_only_if_it_is_allowed():
    policy = Reranking(
        pins=(Pin(item_id="i9", position=2), Pin(item_id="i0", position=4), Pin(item_id="gone", position=1))
    )
    assert shown(policy) == [1, 9, 2, 0, 3]
    assert shown(policy, allowed=~only(9)) == [1, 2, 3, 0, 4]
    assert shown(policy, allowed=only(0, 5)) == [5, 0, -1, -1, -1]  # moves up where too few are left
    assert shown(policy, k=3) == [0, 9, 1]


def test_a_pin_that_is_no_candidate_is_shown_without_a_score():
    policy, short = Reranking(pins=(Pin(item_id="i9", position=2),)), pool(2, 3)
    short.item[1, 0] = 9
    wider = short.with_pinned(policy.pins, catalogue(12))
    assert wider.item.tolist() == [[0, 1, 2, 9], [9, 1, 2, -1]]
    found = slates(policy, pool=wider, rows=2, k=3)
    assert found.item.tolist() == [[0, 9, 1], [1, 9, 2]]
    assert found.rank.tolist() == [[0, -1, 1], [1, 0, 2]]
    assert found.score[0, 1] == -np.inf
    assert slates(NONE, pool=wider, rows=2, k=4).item.tolist() == [[0, 1, 2, -1], [9, 1, 2, -1]]


def test_pins_may_not_share_a_place_or_an_item():
    with pytest.raises(ValueError, match="same position"):
        Reranking(pins=(Pin(item_id="a", position=1), Pin(item_id="b", position=1)))


def test_exploration_is_the_same_for_the_same_request_and_differs_between_moments():
    policy = Reranking(exploration=Exploration(slots=2))
    first = slates(policy, rows=40)
    assert np.array_equal(first.item, slates(policy, rows=40).item)
    assert first.item[:, :3].tolist() == [[0, 1, 2]] * 40
    assert first.explored.tolist() == [[False] * 3 + [True] * 2] * 40
    later = slates(policy, rows=40, requests=requests(40, MOMENT + DAY_US))
    assert not np.array_equal(first.item, later.item)
    assert len(np.unique(first.item[:, 3])) > 1
    other = Reranking(exploration=Exploration(slots=2, seed=1))
    assert not np.array_equal(first.item, slates(other, rows=40).item)


def test_slots_and_epsilon_together_are_refused():
    with pytest.raises(ValueError, match="keep one"):
        Exploration(slots=1, epsilon=0.1)


def test_a_slate_that_holds_what_was_taken_away_is_never_shown(monkeypatch):
    def unlawful(*_):
        return np.zeros((1, 5), np.int64) - [[0, 1, 1, 1, 1]], np.ones((1, 5)), np.zeros((1, 5), bool)

    monkeypatch.setattr(reranker, "_arranged", unlawful)
    with pytest.raises(RunFailed, match="put back"):
        slates(NONE, allowed=only(3))
    monkeypatch.setattr(reranker, "_arranged", lambda *_: (np.zeros((1, 5), np.int64), *unlawful()[1:]))
    with pytest.raises(RunFailed, match="twice"):
        slates(NONE)
