import numpy as np
import pytest

from ml.baskets.baskets import Baskets
from ml.baskets.features import ItemFacts, basket_sizes, build_frame, first_purchases
from ml.ranking.candidates import Candidates

# Customer 0: {0, 1}, {0}, {0, 2}; customer 1: {1}; nobody takes item 3.
LINES = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 2, 0), (0, 2, 2), (1, 0, 1)]


@pytest.fixture
def baskets() -> Baskets:
    user, order, item = np.array(LINES).T
    return Baskets.of(user, order, item, users=3, items=4)


def frame_of(baskets, user, *items):
    """Features by name of these candidates of one customer."""
    count = len(items)
    rank = np.zeros((count, 1), np.float32)
    candidates = Candidates(("a",), np.array([0, count]), np.array(items, np.int32), rank, rank)
    said = {"a": np.array([[0.5, 0.25, -np.inf, 0.125]], np.float32)}
    frame = build_frame(baskets.requests(np.array([user])), candidates, said, ItemFacts.of(baskets))
    return {name: frame.values[:, at] for at, name in enumerate(frame.names)}


def test_customer_and_item_together(baskets):
    found = frame_of(baskets, 0, 0, 1, 3)
    assert found["count"].tolist()[:2] == [3, 1]
    assert found["since"].tolist()[:2] == [1, 3]
    assert found["first"].tolist()[:2] == [3, 3]
    assert found["share"].tolist()[:2] == pytest.approx([1, 1 / 3])
    assert found["gap"][0] == 1
    assert np.isnan([found["gap"][1], found["count"][2], found["decayed_count_2"][2]]).all()
    assert found["decayed_count_2"][1] == pytest.approx(0.5**1.5)


def test_the_customer(baskets):
    found = {name: values[0] for name, values in frame_of(baskets, 0, 0).items()}
    assert (found["visits"], found["last_basket_size"], found["distinct"]) == (3, 2, 3)
    assert found["basket_size"] == pytest.approx(5 / 3)
    assert found["repeat_share"] == pytest.approx(2 / 5)


def test_what_a_model_does_not_say_is_unknown(baskets):
    said = frame_of(baskets, 0, 0, 2)["a_score"]
    assert said[0] == 0.5
    assert np.isnan(said[1])


def test_a_customer_without_baskets_is_described(baskets):
    found = frame_of(baskets, 2, 0, 1)
    assert found["visits"].tolist() == [0, 0]
    assert np.isnan(found["count"]).all()


def test_items_by_all_baskets(baskets):
    facts = ItemFacts.of(baskets)
    found = dict(zip(facts.names, facts.values.T, strict=True))
    assert found["item_buyers"].tolist() == pytest.approx(np.log1p([1, 2, 1, 0]))
    assert found["item_repeat_rate"][0] > found["item_repeat_rate"][1]
    assert found["item_trend_0.5"][2] > found["item_trend_0.5"][1]  # taken of late
    assert np.isfinite(facts.values).all()


def test_lines_by_line(baskets):
    assert first_purchases(baskets).tolist() == [1, 1, 0, 0, 1, 1]
    assert basket_sizes(baskets).tolist() == [2, 2, 1, 2, 2, 1]
