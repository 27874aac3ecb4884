"""Novelty, diversity, serendipity, popularity and coverage, by hand."""

from math import log2

import numpy as np
import pytest
from little_shop import Event, log_of, ragged, requests_with

from ml.evaluation.beyond_accuracy import CASE_NAMES, Expectation, beyond_accuracy, coverage, gini


def known(popularity: list[float], popular: list[int], category: list[int]) -> Expectation:
    return Expectation(np.array(popularity), np.array(popular, np.int32), np.array(category, np.int32))


def of_one(slate: list[int], labels: list[int], history: list[int], expectation: Expectation) -> dict[str, float]:
    found = beyond_accuracy(np.array([slate], np.int32), ragged(labels), requests_with(ragged(history)), expectation)
    return dict(zip((name.removesuffix("@10") for name in CASE_NAMES), found[0].tolist(), strict=True))


def test_by_hand() -> None:
    expectation = known([0.5, 0.25, 0.125, 0.125, 0.125], [0], [0, 0, 1, -1, -1])
    found = of_one([0, 1, 2, 3, -1], [0, 1, 2, 4], [1, 1], expectation)
    assert found["novelty"] == pytest.approx(-(log2(0.5) + log2(0.25) + 2 * log2(0.125)) / 4)
    assert found["diversity"] == pytest.approx(5 / 6)  # of six pairs only 0 and 1 share their category
    assert found["serendipity"] == pytest.approx(1 / 10)  # 0 is popular, 1 is the user's own, 3 was not taken
    assert found["popularity"] == pytest.approx(0.25)
    assert found["popularity_bias"] == pytest.approx(0.25 - (0.5 + 0.25 + 0.125 + 0.125) / 4)


def test_items_without_a_category_are_unlike_all_others() -> None:
    expectation = known([0.5] * 4, [], [-1, -1, 0, 0])
    assert of_one([0, 1], [0], [], expectation)["diversity"] == 1
    assert of_one([2, 3], [0], [], expectation)["diversity"] == 0


def test_what_cannot_be_known_is_nan() -> None:
    assert np.isnan(of_one([0], [0], [], known([0.5, 0.5], [], [0, 0]))["diversity"])  # no pair
    assert np.isnan(of_one([0, 1], [0], [], known([0.5, 0.5], [], [-1, -1]))["diversity"])  # no categories
    empty = of_one([-1, -1], [0], [], known([0.5, 0.5], [], [0, 0]))
    assert np.isnan([empty["novelty"], empty["popularity"], empty["popularity_bias"]]).all()
    assert empty["serendipity"] == 0


def test_only_the_most_frequent_items_of_a_user_are_expected() -> None:
    history = [item for item in range(12) for _ in range(12 - item)]  # item 0 most often, 10 and 11 least
    expectation = known([0.5] * 20, [], list(range(20)))
    assert of_one([0, 9, 10, 11], [0, 9, 10, 11], history, expectation)["serendipity"] == pytest.approx(2 / 10)


def test_popularity_counts_users_once() -> None:
    events = [Event(0, 0, -3, 0), Event(0, 0, -2, 1), Event(0, 0, -1, 2), Event(1, 0, -1, 3), Event(1, 2, -1, 3)]
    expectation = Expectation.of(log_of(events, users=5, items=3), np.zeros(3, np.int32))
    assert expectation.popularity.tolist() == pytest.approx([3 / 3, 1 / 3, 2 / 3])  # plus one each, of two users
    assert expectation.popular.tolist() == [0, 2, 1]


def test_an_empty_log_knows_nothing_of_popularity() -> None:
    expectation = Expectation.of(log_of([], users=3, items=2), np.zeros(2, np.int32))
    assert expectation.popularity.tolist() == [1, 1]


def test_coverage_counts_the_first_ten_ranks() -> None:
    item = np.tile(np.arange(12), (3, 1)).astype(np.int32)
    assert coverage(item, 40) == 10 / 40
    assert coverage(np.full((2, 10), -1, np.int32), 40) == 0


def test_gini_of_exposure() -> None:
    equal = np.arange(20, dtype=np.int32).reshape(2, 10)
    assert gini(equal, 20) == pytest.approx(0)
    one = np.full((5, 10), -1, np.int32)
    one[:, 0] = 7
    assert gini(one, 20) == pytest.approx(1 - 1 / 20)  # all exposure on one item of twenty
    some = np.array([[0, 1], [0, -1]], np.int32)
    # Exposures 0, 0, 1, 2 of four items: (2·3 − 5)·1 + (2·4 − 5)·2 over 4 · 3.
    assert gini(some, 4) == pytest.approx(7 / 12)
    assert np.isnan(gini(np.full((2, 10), -1, np.int32), 4))
