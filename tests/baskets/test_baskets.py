import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.baskets.baskets import Baskets

# Customer 0: {1, 2}, {1}; customer 1: {0}.
LINES = [(0, 3, 2), (0, 3, 1), (0, 9, 1), (1, 3, 0), (0, 3, 1)]


def baskets_of(lines, users=2, items=3) -> Baskets:
    user, order, item = np.array(lines, np.int64).reshape(-1, 3).T
    return Baskets.of(user, order, item, users=users, items=items)


def test_lines_are_sorted_and_kept_once():
    baskets = baskets_of(LINES)
    assert baskets.user.tolist() == [0, 0, 0, 1]
    assert baskets.item.tolist() == [1, 2, 1, 0]
    assert baskets.basket.tolist() == [0, 0, 1, 2]


def test_baskets_are_counted_back_from_the_one_that_is_asked_for():
    baskets = baskets_of(LINES)
    assert baskets.back.tolist() == [2, 2, 1, 1]
    assert baskets.visits.tolist() == [2, 1]


def test_the_latest_basket_is_split_off_where_there_is_one_before_it():
    past, latest = baskets_of(LINES).split_last()
    assert (past.user.tolist(), past.item.tolist()) == ([0, 0, 1], [1, 2, 0])
    assert (latest.user.tolist(), latest.item.tolist()) == ([0], [1])


def test_a_customer_without_baskets_is_asked_for_with_an_empty_history():
    requests = baskets_of(LINES, users=3).requests(np.array([2, 0]))
    assert [row.tolist() for row in requests.history.items] == [[], [1, 2, 1]]


@given(st.permutations(LINES))
def test_the_order_of_the_lines_means_nothing(lines):
    first, second = baskets_of(LINES), baskets_of(lines)
    for name in ("user", "basket", "item"):
        assert getattr(first, name).tolist() == getattr(second, name).tolist()
