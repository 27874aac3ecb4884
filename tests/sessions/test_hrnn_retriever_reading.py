"""Logs and requests as sessions of sets."""

from dataclasses import replace

import numpy as np
import planted_shop as shop
import pytest

from ml.data.arrays import Ragged
from ml.data.facts import DAY_US as DAY
from ml.data.requests import History, Requests
from ml.domains import Protocol
from ml.retrieval.classifiers.clock import Clock
from ml.sessions.hrnn_retriever.reading import Reader
from ml.sessions.hrnn_retriever.visits import Visits

Line = tuple[int, int, int]  # item, at, session


def history(*rows: list[Line]) -> History:
    lines = np.array([line for row in rows for line in row], np.int64).reshape(-1, 3)
    offsets = np.r_[0, np.cumsum([len(row) for row in rows])].astype(np.int64)
    item, at, session = lines.T
    return History(offsets, item.astype(np.int32), at, session.astype(np.int32), np.ones(len(lines), np.float32))


def requests(past: History, sessions: list[list[int]] | None = None) -> Requests:
    nobody, moment = np.full(len(past), -1, np.int32), np.full(len(past), 1000)
    rows = sessions or [[]] * len(past)
    offsets = np.r_[0, np.cumsum([len(row) for row in rows])].astype(np.int64)
    values = np.array([item for row in rows for item in row], np.int32)
    return Requests(nobody, moment, nobody, past, Ragged(offsets, values))


def nested(visits: Visits) -> list[list[list[list[int]]]]:
    """Rows of sessions of steps of items."""
    return [
        [
            [visits.items[step].tolist() for step in range(visits.steps[session], visits.steps[session + 1])]
            for session in range(visits.sessions[row], visits.sessions[row + 1])
        ]
        for row in range(len(visits))
    ]


def reader(*, known: range = range(10), sets: bool = True, sessions: int = 3, steps: int = 50) -> Reader:
    return Reader(np.array(known, np.int32), 10, sets, sessions, steps)


def test_a_step_is_what_a_session_took_at_one_instant():
    past = history([(5, 1, 0), (2, 1, 0), (5, 1, 0), (7, 2, 0), (2, 2, 1)], [], [(3, 2, 1)])
    assert nested(Visits.of(past)) == [[[[2, 5], [7]], [[2]]], [], [[[3]]]]


def test_an_item_is_wanted_where_any_of_its_events_in_the_step_is():
    past = history([(5, 1, 0), (2, 1, 0), (5, 1, 0), (5, 2, 0)])
    visits = Visits.of(past, np.array([False, False, True, False]))
    assert visits.items.values.tolist() == [2, 5, 5]
    assert visits.wanted.tolist() == [False, True, False]


def test_sessions_and_their_latest_steps_can_be_cut_out():
    past = history([(1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 4, 1)], [(5, 1, 2), (6, 2, 3)])
    visits = Visits.of(past)
    assert nested(visits.latest_steps(2)) == [[[[2], [3]], [[4]]], [[[5]], [[6]]]]
    assert nested(visits.cut(np.array([1, 2]), np.array([3, 2]))) == [[[[4]], [[5]]], []]
    at, lengths = visits.padded(np.array([0, 3]))
    assert at.tolist() == [[0, 1, 2], [5, 5, 5]]
    assert lengths.tolist() == [3, 1]


def test_nothing_at_all_is_read_as_nothing():
    assert nested(Visits.of(history([], []))) == [[], []]
    visits, in_session = reader().requests(requests(history([], [])))
    assert nested(visits) == [[], []]
    assert in_session.tolist() == [False, False]


def test_the_current_session_is_taken_out_of_the_history_that_holds_it():
    past = history([(1, 1, 0), (4, 5, 1), (3, 5, 1)], [(1, 1, 0), (3, 5, 1)])
    visits, in_session = reader().requests(requests(past, [[3, 4], [4]]))
    # Items are numbered from 1; the second history does not hold the session.
    assert nested(visits) == [[[[2]], [[4, 5]]], [[[2]], [[4]], [[5]]]]
    assert in_session.tolist() == [True, True]


def test_a_current_session_is_a_sequence_where_sessions_are():
    visits, _ = reader(sets=False).requests(requests(history([], [(1, 1, 0)]), [[4, 3, 4], []]))
    assert nested(visits) == [[[[5], [4], [5]]], [[[2]]]]


def test_only_the_latest_sessions_and_steps_and_known_items_are_read():
    past = history([(number % 10, number, number) for number in range(20)] + [(9, 30, 40)])
    found, in_session = reader(known=range(9), sessions=2).requests(requests(past, [[9]]))
    assert nested(found) == [[[[8]], [[9]]]]  # items 7 and 8; the session says nothing that is known
    assert not in_session.any()
    long = [*range(9)] * 4
    found, _ = reader(sets=False, steps=3).requests(requests(history([]), [long]))
    assert nested(found) == [[[[7], [8], [9]]]]


def at_day(day: float) -> int:
    return int(day * DAY)


def test_where_cadences_are_sessions_all_that_was_done_in_one_is_a_session():
    weekly = Clock(Protocol(cadence_days=7))
    lines = [(1, at_day(80), 0), (2, at_day(86), 1), (3, at_day(86.5), 1), (4, at_day(92), 2), (5, at_day(99.9), 2)]
    asked = replace(requests(history(lines)), moment=np.array([at_day(100)]))
    by_week, _ = replace(reader(sessions=9), clock=weekly).requests(asked)
    assert nested(by_week) == [[[[2]], [[3], [4], [5]], [[6]]]]
    later = replace(asked, moment=np.array([at_day(101)]))  # weeks are counted back from the moment
    assert nested(replace(reader(sessions=9), clock=weekly).requests(later)[0]) == [[[[2], [3], [4]], [[5]], [[6]]]]


def test_where_cadences_are_sessions_a_current_session_is_one_of_its_own():
    asked = replace(requests(history([(1, at_day(99), 0)]), [[3]]), moment=np.array([at_day(100)]))
    found, in_session = replace(reader(), clock=Clock(Protocol(cadence_days=7))).requests(asked)
    assert nested(found) == [[[[2]], [[4]]]]
    assert in_session.all()


@pytest.mark.parametrize("sets", [True, False])
def test_whether_sessions_are_sets_is_seen_in_the_log(sets):
    events = [
        shop.Event(0, item, visit + (0 if sets else item / 1e3), visit) for visit in range(4) for item in range(3)
    ]
    log = shop.log_of([*events, shop.Event(1, 5, 9.0, 9)], 2, shop.ITEMS)
    found = Reader.of(log, minimum_count=2, sessions=1, steps=1)
    assert found.sets is sets
    assert found.known.tolist() == [0, 1, 2]
    assert not Reader.of(log.where(log.at < 0), minimum_count=1, sessions=1, steps=1).sets


def test_a_log_is_read_with_what_a_recommendation_should_bring_about():
    log = shop.log_of([shop.Event(0, 3, 1.0, 0), shop.Event(0, 4, 1.0, 0)], 1, shop.ITEMS)
    log = replace(log, target=log.item == 4)
    visits = Reader.of(log, minimum_count=1, sessions=1, steps=1).log(log, 2)
    assert nested(visits) == [[[[1, 2]]]]
    assert visits.wanted.tolist() == [False, True]
