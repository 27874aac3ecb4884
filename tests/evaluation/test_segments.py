"""How cases are cut: nothing of the future in a history, and each segment what it says it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from little_shop import AS_OF, DAY, TEST, Event, dataset_of, log_of, random_events

from ml.data.dataset import Dataset
from ml.data.windows import to_micros
from ml.evaluation.completion import completion_cases
from ml.evaluation.segments import (
    SEGMENTS,
    Batch,
    Segment,
    batches_in,
    heavy_users,
    held_out_users,
    without_users,
)
from ml.evaluation.truncation import as_new_users, session_counts

START, STOP = to_micros(TEST), to_micros(AS_OF)


def batches_of(dataset: Dataset, share: float = 0.3) -> list[Batch]:
    return batches_in(dataset, TEST, AS_OF, seed=1, held_out=held_out_users(dataset, share, seed=1))


def by_name(batches: list[Batch]) -> dict[str, list[tuple[Batch, Segment]]]:
    found: dict[str, list[tuple[Batch, Segment]]] = {name: [] for name in SEGMENTS}
    for batch in batches:
        for segment in batch.segments:
            found[segment.name].append((batch, segment))
    return found


def pairs(sets) -> set[tuple[int, int]]:
    return set(zip(sets.rows.tolist(), sets.values.tolist(), strict=True))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), unit=st.sampled_from(["user", "session"]))
def test_no_history_reaches_its_moment_and_no_state_comes_after_it(seed: int, unit: str) -> None:
    batches = batches_of(dataset_of(random_events(seed), 25, 40, unit))
    assert batches
    for batch in batches:
        requests = batch.requests
        assert (requests.history.at < requests.moment[requests.history.rows]).all() or unit == "session"
        assert (requests.history.at <= requests.moment[requests.history.rows]).all()
        assert (batch.moment <= requests.moment).all()
        for segment in batch.segments:
            labels, before = pairs(segment.labels), pairs(requests.history.items)
            if segment.name == "discoveries":
                assert not labels & before
            if segment.name == "repeats":
                assert labels <= before


def test_every_segment_has_cases_and_labels_part_into_discoveries_and_repeats() -> None:
    found = by_name(batches_of(dataset_of(random_events(0), 25, 40)))
    assert all(any(len(segment.labels.values) for _, segment in parts) for parts in found.values())
    for (_, everything), (_, new), (_, again) in zip(found["all"], found["discoveries"], found["repeats"], strict=True):
        assert pairs(new.labels) | pairs(again.labels) == pairs(everything.labels)
        assert len(new.labels.values) + len(again.labels.values) == len(everything.labels.values)


def test_new_users_are_practised_on_known_ones_who_are_asked_about_as_themselves_too() -> None:
    dataset = dataset_of(random_events(0), 25, 40)
    held_out, practised = np.zeros(25, bool), np.zeros(25, bool)
    held_out[:5], practised[5:15] = True, True
    found = by_name(batches_in(dataset, TEST, AS_OF, seed=1, held_out=held_out, as_new=practised))
    known = {int(unit) for batch, _ in found["all"] for unit in batch.unit}
    new = {int(unit) for batch, _ in found["new_users_0"] for unit in batch.unit}
    assert new == set(range(5, 15)) & known
    assert not known & set(range(5))
    assert all((batch.requests.user == -1).all() for batch, _ in found["new_users_1"])


def test_a_discovery_is_what_the_user_never_had_before_the_week() -> None:
    events = [Event(0, 3, -5, 0), Event(0, 3, 1, 1), Event(0, 4, 2, 1), Event(0, 4, 3, 2), Event(0, 4, 8, 3)]
    found = by_name(batches_in(dataset_of(events, 1, 6), TEST, AS_OF, seed=0))
    weeks = [(pairs(new.labels), pairs(again.labels)) for (_, new), (_, again) in
             zip(found["discoveries"], found["repeats"], strict=True)]  # fmt: skip
    assert weeks == [({(0, 4)}, {(0, 3)}), (set(), {(0, 4)})]


def test_new_items_were_first_seen_less_than_28_days_before() -> None:
    first_days = {0: -40, 1: -28.5, 2: -28, 3: -1, 4: 0.5}
    events = [Event(0, item, day, item) for item, day in first_days.items()]
    events += [Event(1, item, 1, 10) for item in first_days]
    (batch, segment), *_ = by_name(batches_in(dataset_of(events, 2, 5), TEST, AS_OF, seed=0))["new_items"]
    row = batch.requests.user.tolist().index(1)
    assert sorted(segment.labels[row].tolist()) == [2, 3, 4]


def test_heavy_users_are_those_with_the_most_sessions_before() -> None:
    events = [Event(user, 0, -1 - s, 100 * user + s) for user in range(10) for s in range(user + 1)]
    log = log_of(events, 11, 2)
    assert np.flatnonzero(heavy_users(log, 0.1)).tolist() == [9]
    assert np.flatnonzero(heavy_users(log, 0.2)).tolist() == [8, 9]
    alike = log_of([Event(user, 0, -1, user) for user in range(5)], 5, 1)
    assert not heavy_users(alike, 0.1).any()


def test_held_out_users_are_a_stable_share_of_the_identifiers() -> None:
    dataset = dataset_of([], 2000, 1)
    mask = held_out_users(dataset, 0.1, seed=0)
    assert mask.mean() == pytest.approx(0.1, abs=0.02)
    fewer = dataset_of([], 1000, 1)
    assert (held_out_users(fewer, 0.1, seed=0) == mask[:1000]).all()  # others coming do not move anyone
    assert (held_out_users(dataset, 0.1, seed=1) != mask).any()
    assert not held_out_users(dataset, 0.0, seed=0).any()
    assert held_out_users(dataset, 1.0, seed=0).all()


def test_held_out_users_are_new_users_and_nothing_else() -> None:
    dataset = dataset_of(random_events(3), 25, 40)
    mask = held_out_users(dataset, 0.3, seed=1)
    assert 0 < mask.sum() < 25
    assert not mask[without_users(dataset, mask).log.user].any()
    for batch in batches_of(dataset):
        new = batch.segments[0].name.startswith("new_users")
        assert (mask[batch.unit] == new).all()
        assert ((batch.requests.user == -1) == new).all()


@pytest.mark.parametrize("sessions", [0, 1, 3])
def test_new_users_have_their_latest_sessions_only(sessions: int) -> None:
    found = by_name(batches_of(dataset_of(random_events(4), 25, 40)))
    for batch, _ in found[f"new_users_{sessions}"]:
        assert (session_counts(batch.requests.history) == sessions).all()
        assert ((batch.requests.place == -1) == (sessions == 0)).all()


def test_the_latest_session_is_the_one_that_ended_last() -> None:
    # Session 7 begins first, but its last event is the latest of all.
    days = [(-5, 7), (-4, 8), (-3, 9), (-2, 7)]
    dataset = dataset_of([Event(0, item, day, session) for item, (day, session) in enumerate(days)]
                         + [Event(0, 5, 1, 20)], 1, 6)  # fmt: skip
    (requests,) = [batch.requests for batch in batches_in(dataset, TEST, AS_OF, seed=0)][:1]
    assert as_new_users(requests, 1).history.item.tolist() == [0, 3]
    assert as_new_users(requests, 2).history.item.tolist() == [0, 2, 3]


def test_half_of_a_basket_is_hidden() -> None:
    events = [Event(0, 9, -3, 0), *(Event(0, item, 1, 5) for item in range(5)), Event(0, 8, 2, 6)]
    cases = completion_cases(log_of(events, 1, 10), START, STOP, seed=0)
    assert len(cases) == 1
    known, hidden = set(cases.requests.session[0].tolist()), set(cases.labels[0].tolist())
    assert len(hidden) == 2
    assert known | hidden == set(range(5))
    assert not known & hidden
    assert cases.requests.history.item.tolist() == [9, *sorted(known)]  # not the later basket
    assert cases.requests.moment[0] == START + DAY + 1


def test_the_hidden_half_is_nowhere_in_the_request() -> None:
    log = log_of(random_events(6), 25, 40)
    cases = completion_cases(log, START, STOP, seed=0)
    assert len(cases) > 10
    assert len(set(cases.unit.tolist())) == len(cases)  # one basket a user
    for row in range(len(cases)):
        history = cases.requests.history
        events = slice(history.offsets[row], history.offsets[row + 1])
        known = set(cases.requests.session[row].tolist())
        session = history.session[events][-1]
        assert set(history.item[events][history.session[events] == session].tolist()) == known
        assert not known & set(cases.labels[row].tolist())
        basket = set(log.item[log.session == session].tolist())
        assert known | set(cases.labels[row].tolist()) == basket
        assert len(cases.labels[row]) == len(basket) // 2


def test_completion_is_drawn_by_its_seed_and_no_more_than_asked_for() -> None:
    log = log_of(random_events(7), 25, 40)
    first, again = (completion_cases(log, START, STOP, seed=0) for _ in range(2))
    assert np.array_equal(first.labels.values, again.labels.values)
    other = completion_cases(log, START, STOP, seed=1)
    assert not np.array_equal(first.labels.values, other.labels.values)
    assert len(completion_cases(log, START, STOP, seed=0, maximum=3)) == 3


def test_baskets_of_one_item_and_baskets_that_began_before_are_not_asked() -> None:
    events = [Event(0, 1, 1, 0), Event(0, 1, 1, 0), Event(1, 1, -0.1, 1), Event(1, 2, 0.1, 1), Event(1, 3, 0.1, 1)]
    assert len(completion_cases(log_of(events, 2, 4), START, STOP, seed=0)) == 0


def test_sessions_have_no_new_or_heavy_users_and_no_baskets() -> None:
    names = {s.name for b in batches_of(dataset_of(random_events(8), 25, 40, "session")) for s in b.segments}
    assert names == {"all", "discoveries", "repeats", "new_items"}


def test_a_window_without_events_has_no_batch() -> None:
    assert batches_of(dataset_of([Event(0, 0, -3, 0)], 1, 1)) == []
    assert batches_of(dataset_of([], 1, 1)) == []


def test_one_case() -> None:
    batches = batches_of(dataset_of([Event(0, 1, 3, 0)], 1, 2), share=0)
    assert [(len(batch.requests), batch.segments[0].name) for batch in batches] == [(1, "all")]
    assert batches[0].segments[0].labels.values.tolist() == [1]
