import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.data.arrays import Ragged
from ml.evaluation.next_basket import NAMES, basket_intervals, basket_metrics, ranked, split_by, split_metrics

ITEMS = 200


def ragged(*rows) -> Ragged:
    lengths = [len(row) for row in rows]
    return Ragged(
        np.r_[0, np.cumsum(lengths)].astype(np.int64), np.array([item for row in rows for item in row], np.int32)
    )


def scores(*best, items=ITEMS):
    """A row each in which these items lead, in this order, and all others are no candidates."""
    made = np.full((len(best), items), -np.inf, np.float32)
    for row, order in enumerate(best):
        made[row, order] = np.arange(len(order), 0, -1)
    return made


def values(row) -> dict[str, float]:
    return dict(zip(NAMES, row.tolist(), strict=True))


def test_the_arithmetic_by_hand():
    basket = ragged([3, 5, 150])
    found = values(basket_metrics(ranked(scores([5, 9, 3]), basket), basket)[0])
    gain, ideal = 1 + 1 / np.log2(4), 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert found["recall@10"] == pytest.approx(2 / 3)
    assert found["ndcg@10"] == pytest.approx(gain / ideal)
    assert found["hit_rate@10"] == 1


def test_the_ideal_of_a_large_basket_ends_at_k():
    basket = ragged(range(15))
    found = values(basket_metrics(ranked(scores(list(range(15))), basket), basket)[0])
    assert found["ndcg@10"] == pytest.approx(1)
    assert found["recall@10"] == pytest.approx(10 / 15)
    assert found["recall@20"] == 1


@given(st.sets(st.integers(0, ITEMS - 1), min_size=1, max_size=60))
@settings(max_examples=40, deadline=None)
def test_a_constant_score_gets_no_more_than_chance(taken):
    basket = ragged(sorted(taken))
    found = basket_metrics(ranked(np.ones((1, ITEMS), np.float32), basket), basket)
    assert not found.any()


def test_a_constant_score_finds_what_is_left_when_the_untaken_run_out():
    basket = ragged([0, 1])
    item = ranked(np.zeros((1, 10), np.float32), basket)
    assert sorted(item[0, :8].tolist()) == list(range(2, 10))
    assert values(basket_metrics(item, basket)[0])["recall@10"] == 1


@given(st.lists(st.integers(0, 4), min_size=30, max_size=30), st.sets(st.integers(0, 35), max_size=9))
@settings(max_examples=100, deadline=None)
def test_ties_put_the_untaken_first(levels, taken):
    row = np.where(np.array(levels) == 0, -np.inf, levels).astype(np.float32)
    item = ranked(row[None], ragged(sorted(taken)))[0]
    expected = sorted(np.flatnonzero(row > -np.inf), key=lambda at: (-row[at], at in taken))
    shown = item[item >= 0]
    assert len(shown) == min(len(expected), 20)
    assert row[shown].tolist() == row[expected[: len(shown)]].tolist()
    assert [at in taken for at in shown] == [at in taken for at in expected[: len(shown)]]


@given(st.permutations(range(6)), st.permutations(range(6)))
def test_the_order_within_a_basket_changes_no_metric(basket, before):
    score = np.arange(ITEMS, 0, -1, dtype=np.float32)[None]
    first, second = (
        split_metrics(ranked(score, taken), score, taken, own)
        for taken, own in ((ragged(range(6)), ragged(range(6))), (ragged(basket), ragged(before)))
    )
    assert np.array_equal(first, second, equal_nan=True)


def test_repeats_and_discoveries_are_ranked_among_their_own_kind():
    basket, before = ragged([1, 50]), ragged([0, 1])
    repeats, discoveries = split_by(basket, before)
    assert (repeats[0].tolist(), discoveries[0].tolist()) == ([1], [50])
    score = scores([0, 1, *range(100, 115), 50])
    found = split_metrics(ranked(score, basket), score, basket, before)[0]
    whole, repeated, new = (values(part) for part in np.split(found, 3))
    assert (whole["recall@10"], whole["recall@20"]) == (0.5, 1)
    assert (repeated["recall@10"], repeated["ndcg@10"]) == (1, pytest.approx(1 / np.log2(3)))
    assert (new["recall@10"], new["recall@20"]) == (0, 1)  # place 16 once the two items taken before are out


def test_a_basket_without_a_kind_takes_no_part_in_its_mean():
    basket, before = ragged([1], [2]), ragged([1], [])
    score = scores([1], [2])
    found = basket_intervals(split_metrics(ranked(score, basket), score, basket, before), seed=1)
    assert found["repeats"]["recall@10"].mean == 1
    assert found["discoveries"]["recall@10"].mean == 1


def test_one_customer_has_means_without_intervals():
    basket = ragged([1])
    score = scores([1])
    interval = basket_intervals(split_metrics(ranked(score, basket), score, basket, ragged([])), seed=1)
    assert interval["metrics"]["recall@10"].as_dict() == {"mean": 1.0, "low": None, "high": None}


def test_a_score_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        ranked(np.full((1, 3), np.nan, np.float32), ragged([1]))
