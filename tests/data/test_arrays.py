import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.data.arrays import Ragged, distinct, is_among, take_ranges

ROWS = st.lists(st.lists(st.integers(0, 99), max_size=5), min_size=1, max_size=8)


def ragged(rows: list[list[int]]) -> Ragged:
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return Ragged.from_pairs(owner, np.array([value for row in rows for value in row], np.int32), len(rows))


@given(ROWS)
def test_rows_come_back_as_they_went_in(rows):
    made = ragged(rows)
    assert [made[row].tolist() for row in range(len(made))] == rows
    assert made.lengths.tolist() == [len(row) for row in rows]
    assert made.rows.tolist() == [row for row, values in enumerate(rows) for _ in values]


@given(ROWS, st.data())
def test_taking_rows_repeats_and_reorders_them(rows, data):
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10))
    taken = ragged(rows).take(np.array(chosen, np.int64))
    assert [taken[row].tolist() for row in range(len(taken))] == [rows[row] for row in chosen]


def test_pairs_are_grouped_in_their_given_order():
    made = Ragged.from_pairs(np.array([1, 0, 1]), np.array([7, 8, 6], np.int32), 3)
    assert [made[row].tolist() for row in range(3)] == [[8], [7, 6], []]


def test_empty_ranges_take_nothing():
    offsets, positions = take_ranges(np.array([3, 5, 5]), np.array([5, 5, 6]))
    assert offsets.tolist() == [0, 2, 2, 3]
    assert positions.tolist() == [3, 4, 5]
    assert len(Ragged.empty(0)) == 0


@given(st.lists(st.integers(-5, 30)), st.lists(st.integers(-5, 30)))
def test_distinct_and_is_among_agree_with_sets(values, known):
    given_values, given_known = np.array(values, np.int64), np.array(known, np.int64)
    assert distinct(given_values).tolist() == sorted(set(values))
    assert is_among(given_values, given_known).tolist() == [value in set(known) for value in values]
