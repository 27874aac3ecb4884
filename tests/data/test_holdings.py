import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.data.holdings import FOREVER, Holdings

# User 0 had item 3 from 10 to 20 and again from 30 on; user 2 has item 1 from 5 on.
EVENTS = ((0, 3, 10, True), (0, 3, 20, False), (0, 3, 30, True), (2, 1, 5, True))


def holdings() -> Holdings:
    user, item, at, begins = (np.array(column) for column in zip(*EVENTS, strict=True))
    return Holdings.of_events(user.astype(np.int32), item.astype(np.int32), at.astype(np.int64), begins.astype(bool))


def test_spans_tell_only_what_was_known_before_the_moment():
    asked = np.array([0, 0, 0, 2, -1, 1], np.int32), np.array([10, 20, 31, 31, 31, 31])
    found = holdings().spans(*asked)
    assert found.offsets.tolist() == [0, 0, 1, 3, 4, 4, 4]
    assert found.item.tolist() == [3, 3, 3, 1]
    assert found.since.tolist() == [10, 10, 30, 5]
    assert found.until.tolist() == [FOREVER, 20, FOREVER, FOREVER]  # at 20 the end had not been seen


def test_spans_are_taken_by_request():
    found = holdings().spans(np.array([0, 2], np.int32), np.array([40, 40])).take(np.array([1, 0]))
    assert (found.offsets.tolist(), found.item.tolist()) == ([0, 1, 3], [1, 3, 3])
    assert found.rows.tolist() == [0, 1, 1]


EVENT = st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 9), st.booleans())


@given(st.lists(EVENT, max_size=20), st.integers(0, 10))
def test_what_a_user_has_follows_from_the_last_event_before_the_moment(events, moment):
    columns = [np.array([event[place] for event in events], np.int64) for place in range(4)]
    made = Holdings.of_events(columns[0].astype(np.int32), columns[1].astype(np.int32), columns[2], columns[3] > 0)
    held = made.at(np.arange(3, dtype=np.int32), np.full(3, moment))
    for user in range(3):
        expected = []
        for item in range(4):
            seen = sorted(
                (at, begins) for who, what, at, begins in events if (who, what) == (user, item) and at < moment
            )
            if seen and seen[-1][1]:
                expected.append(item)
        assert sorted(held[user].tolist()) == expected
    spans = made.spans(np.arange(3, dtype=np.int32), np.full(3, moment))
    assert (spans.since < moment).all()
    assert ((spans.until < moment) | (spans.until == FOREVER)).all()
