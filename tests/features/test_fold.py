"""The fold by hand, and its laws: the order of arrival never matters, nor does a store that keeps states as JSON."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.data.windows import to_micros
from ml.features.declarations import Declarations, load_declarations
from ml.features.fold import Elsewhere, Event, Fold
from ml.features.states import DAY, Clock, Decay, Mark, Window
from ml.features.streaming import Placement, StreamingFeatures

DECLARED = load_declarations()
NOON = to_micros(datetime(2024, 1, 1, 12, tzinfo=UTC))
LATER = NOON + 200 * DAY

drawn_events = st.lists(
    st.builds(
        Event,
        event_id=st.uuids().map(str),
        user_id=st.sampled_from(["u", "李"]),
        session_id=st.sampled_from(["s1", "s2"]),
        item_id=st.sampled_from(["milk", "tea"]),
        event_type=st.sampled_from(["purchase", "view", "add_to_basket", "adjustment"]),
        occurred_at=st.integers(0, 150 * 24).map(lambda hour: NOON + hour * DAY // 24),
        known_user=st.booleans(),
        value=st.none() | st.sampled_from([0.5, 2.0, 7.25]),
        quantity=st.sampled_from([1.0, 2.0]),
        discount=st.sampled_from([0.0, 0.25]),
        place_id=st.none() | st.sampled_from(["north", "south"]),
        category=st.none() | st.sampled_from(["drinks", "food"]),
        brand=st.none() | st.sampled_from(["A", "B"]),
        private_brand=st.booleans(),
        promoted=st.booleans(),
    ),
    max_size=25,
    unique_by=lambda event: event.event_id,
)


def taken_in(events: list[Event], declared: Declarations = DECLARED) -> StreamingFeatures:
    features = StreamingFeatures(declared, 5)
    for event in events:
        features.add(event)
    return features


def everything(features: StreamingFeatures, moment: int = LATER) -> dict:
    return {(entity, key): features.values(entity, key, moment) for entity in DECLARED for key in features.keys(entity)}


@settings(max_examples=60, deadline=None)
@given(drawn_events, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(events: list[Event], random) -> None:
    shuffled = events.copy()
    random.shuffle(shuffled)
    found, expected = everything(taken_in(shuffled)), everything(taken_in(events))
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        for name, value in values.items():
            close = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
            assert found[key][name] == close, (key, name)


def test_states_survive_a_store_of_json() -> None:
    fold = Fold(DECLARED["user"], Clock(5))
    event = Event("a", "u", "s", "milk", "purchase", NOON, value=2.0, place_id="north")
    flags = frozenset({"opens_session", "opens_pair"})
    state = fold.add({}, event, flags)
    stored = json.loads(json.dumps(state))
    later = replace(event, event_id="b", occurred_at=NOON + DAY)
    nowhere = Elsewhere(lambda reference, values: None, {})
    assert fold.finish(fold.add(stored, later, flags), LATER, nowhere) == fold.finish(
        fold.add(state, later, flags), LATER, nowhere
    )


def test_a_fold_leaves_the_state_that_it_was_given_alone() -> None:
    fold, flags = Fold(DECLARED["user"], Clock(5)), frozenset({"opens_session"})
    event = Event("a", "u", "s", "milk", "purchase", NOON, value=2.0)
    state = fold.add({}, event, flags)
    before = json.dumps(state)
    fold.add(state, replace(event, event_id="b", occurred_at=NOON + DAY), flags)
    fold.take_back(state, event, "opens_session")
    assert json.dumps(state) == before


def test_a_window_reaches_whole_days_of_the_source() -> None:
    window = Window(7, Clock(day_starts_at_hour=5))
    five = to_micros(datetime(2024, 1, 8, 5, tzinfo=UTC))
    state = window.add(None, Mark(five - 1, "a", 1.0))  # the last instant of 7 January at the source
    state = window.add(state, Mark(five, "b", 10.0))
    assert window.finish(state, five + 1) == 11
    assert window.finish(state, five + 7 * DAY - 1) == 11  # still 14 January: 7 January is the seventh day before
    assert window.finish(state, five + 7 * DAY) == 10
    assert window.finish(state, five + 8 * DAY) == 0


def test_a_window_keeps_no_more_days_than_it_reaches() -> None:
    window, state = Window(7, Clock()), None
    for day in range(100):
        state = window.add(state, Mark(day * DAY, str(day), 1.0))
    assert sorted(day for day, _ in state) == list(range(92, 100))


def test_a_decaying_sum_halves_in_its_half_life_even_when_events_arrive_late() -> None:
    decay = Decay(14 * DAY)
    state = decay.add(None, Mark(14 * DAY, "b", 1.0))
    state = decay.add(state, Mark(0, "a", 1.0))  # late
    assert decay.finish(state, 28 * DAY) == pytest.approx(0.5 + 0.25)


def test_an_earlier_event_that_arrives_late_takes_the_opening_of_its_session() -> None:
    event = Event("b", "u", "s", "milk", "purchase", NOON + 10 * DAY)
    features = taken_in([event])
    features.add(replace(event, event_id="a", occurred_at=NOON))
    values = features.values("user", ("u",), NOON + 11 * DAY)
    assert (values["sessions"], values["sessions_7d"], values["purchases"], values["discoveries"]) == (1, 0, 2, 1)


def test_shares_are_of_the_places_with_placements_in_force() -> None:
    features = taken_in([Event("a", "u", "s", "milk", "purchase", NOON)])
    later = {"valid_from": NOON, "valid_to": NOON + 7 * DAY}
    features.placements.add(Placement("milk", "north", on_display=True, in_mailer=False, **later))
    features.placements.add(Placement("tea", "south", on_display=False, in_mailer=True, **later))
    features.placements.add(Placement("tea", "east", on_display=False, in_mailer=False, **later))
    values = features.values("item", ("milk",), NOON + DAY)
    assert (values["display_share"], values["mailer_share"]) == (0.5, 0)
    assert features.values("item", ("milk",), NOON + 7 * DAY)["display_share"] == 0
