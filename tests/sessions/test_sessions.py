import pytest
from planted_sessions import ragged, sessions

from ml.sessions.sessions import UNKNOWN, last_items, latest, next_click_cases, without


def test_each_click_but_the_first_is_a_case_whose_prefix_is_what_came_before():
    cases = next_click_cases(sessions([[4, 5, 6], [7], [8, 9]], 10), longest=50)
    assert [list(row) for row in cases.queries.prefix] == [[4], [4, 5], [8]]
    assert cases.target.tolist() == [5, 6, 9]
    assert cases.session.tolist() == [0, 0, 2]
    assert cases.queries.at.tolist() == [0, 0, 2]


def test_prefixes_keep_the_latest_clicks():
    cases = next_click_cases(sessions([[1, 2, 3, 4]], 10), longest=2)
    assert [list(row) for row in cases.queries.prefix] == [[1], [1, 2], [2, 3]]


def test_latest_without_and_last():
    rows = ragged([[1, 2, 3], [], [4]])
    assert [list(row) for row in latest(rows, 2)] == [[2, 3], [], [4]]
    assert [list(row) for row in without(rows, rows.values == 4)] == [[1, 2, 3], [], []]
    assert last_items(rows).tolist() == [3, UNKNOWN, 4]


def test_a_split_keeps_the_order_of_time_and_needs_two_sessions():
    head, tail = sessions([[1, 2]] * 10, 3).split(0.3)
    assert (len(head), len(tail)) == (7, 3)
    assert head.at.max() < tail.at.min()
    assert [len(part) for part in sessions([[1], [2]], 3).split(0.0)] == [1, 1]
    with pytest.raises(ValueError, match="two"):
        sessions([[1, 2]], 3).split(0.5)
