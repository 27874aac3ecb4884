"""Traces: what arrives late, twice, out of order or at the same instant leaves the trace that the fold would make."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.data.vocabulary import Vocabulary
from ml.errors import BadInput, RunFailed
from ml.features.declarations import LastValue, load_declarations
from ml.features.evaluator import ITEM, USER, USER_CATEGORY, USER_ITEM, Evaluator
from ml.features.fold import Event
from ml.features.item_evaluation import Since, item_features
from ml.features.programs import DAY_US, Program
from ml.features.streaming import StreamingFeatures
from ml.features.trace import COLUMNS, Trace, number_of, session_number
from ml.features.trace_log import TraceLog, indexed, load_traces, save_traces

DECLARED = load_declarations()
KINDS = tuple(sorted({kind for entity in DECLARED.values() for kind in entity.event_types} | {"adjustment"}))
NAMES = {
    entity.mart: tuple(name for name, each in entity.published.items() if not isinstance(each, LastValue))
    for entity in DECLARED.values()
}
ENTITIES = {entity.mart: name for name, entity in DECLARED.items()}
USERS, ITEMS, CATEGORIES, BRANDS = 3, 4, 2, 2
HOUR = DAY_US // 24
EVALUATOR = Evaluator.of(DECLARED, KINDS, 5, NAMES)


@st.composite
def happened(draw: st.DrawFn) -> Event:
    """An event of few users with few items, at whole hours: much coincides. The last user is nobody known."""
    number, item, hour = draw(st.integers(0, 60)), draw(st.integers(0, ITEMS - 1)), draw(st.integers(0, 24 * 90))
    user = draw(st.integers(0, USERS - 1))
    amount = st.none() | st.floats(0, 100, width=32)
    return Event(
        f"é{number}", str(user), f"s{draw(st.integers(0, 3))}", str(item), draw(st.sampled_from(KINDS)),
        hour // draw(st.sampled_from((1, 24))) * HOUR, user < USERS - 1, draw(amount), draw(amount), draw(amount),
        draw(amount), None,
        # What the catalogue says depends on the item and the moment alone.
        None if item == 0 else str((item + hour // 1000) % CATEGORIES), None if item == 1 else str(item % BRANDS),
        draw(st.booleans()), draw(st.booleans()),
    )  # fmt: skip


def number(text: str | None) -> int:
    return -1 if text is None else int(text)


def traced(events: list[Event], rows: int = USERS) -> Trace:
    """The events in their order of arrival as a trace."""
    columns: dict[str, Any] = {
        "name": np.array([each.event_id.encode() for each in events] or [b""], np.bytes_)[: len(events)],
        "event": [number_of(each.event_id) for each in events], "at": [each.occurred_at for each in events],
        "session": [session_number(each.session_id) for each in events],
        "item": [number(each.item_id) for each in events], "kind": [KINDS.index(each.event_type) for each in events],
        "category": [number(each.category) for each in events], "brand": [number(each.brand) for each in events],
    }  # fmt: skip
    for name in ("value", "quantity", "seconds", "discount", "private_brand", "promoted"):
        columns[name] = [np.nan if getattr(each, name) is None else getattr(each, name) for each in events]
    return Trace.of_events(KINDS, np.array([int(each.user_id) for each in events], np.int64), rows, columns)


def logged(trace: Trace) -> TraceLog:
    ids = [np.array([str(each) for each in range(count)], object) for count in (CATEGORIES, BRANDS)]
    known = np.arange(len(trace)) < USERS - 1
    return TraceLog(
        trace, known, len(trace), ITEMS, Vocabulary(ids[0]), Vocabulary(ids[1]), *indexed(trace, ITEMS),
        np.zeros((ITEMS, 2), np.float32),
    )  # fmt: skip


def folded(events: list[Event], moment: int) -> StreamingFeatures:
    features = StreamingFeatures(DECLARED, 5)
    for each in events:
        if each.occurred_at < moment:
            features.add(each)
    return features


def assert_row(features: StreamingFeatures, mart: str, key: tuple[str, ...], found: np.ndarray, moment: int) -> None:
    entity = ENTITIES[mart]
    values = features.values(entity, key, moment) if key in features.keys(entity) else {}
    expected = [np.nan if values.get(name) is None else values[name] for name in NAMES[mart]]
    # Sums of a value and a discount lose what both can cancel; the fold takes back what it once added.
    np.testing.assert_allclose(found, np.array(expected, float), rtol=1e-5, atol=1e-5, err_msg=f"{mart} of {key}")


def arrivals(events: list[Event], seed: int) -> tuple[list[Event], list[list[Event]]]:
    """First arrivals alone, and everything in up to four batches: some twice, and not in order."""
    draw = random.Random(seed)
    first = list({each.event_id: each for each in reversed(events)}.values())
    order = first + draw.sample(first, len(first) // 3)
    draw.shuffle(order)
    cuts = sorted(draw.randrange(len(order) + 1) for _ in range(3))
    return first, [order[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(order)], strict=True)]


@settings(deadline=None, max_examples=60)
@given(st.lists(happened(), max_size=40), st.integers(0, 2**31), st.integers(1, 24 * 100))
def test_traces_of_users_are_worth_what_the_fold_says(events: list[Event], seed: int, hours: int) -> None:
    first, batches = arrivals(events, seed)
    trace, moment = Trace.empty(KINDS, USERS), hours * HOUR
    for batch in batches:
        trace = trace.merged(traced(batch))
    features = folded(first, moment)
    known = logged(trace).of(np.arange(USERS))
    found = EVALUATOR.users(known, np.full(USERS, moment))
    for user in range(USERS):
        assert_row(features, USER, (str(user),), found.user[user], moment)
        for mart, offsets, keys, values in (
            (USER_ITEM, found.pair_offsets, found.pair_item, found.pair_values),
            (USER_CATEGORY, found.category_offsets, found.category, found.category_values),
        ):
            own = slice(offsets[user], offsets[user + 1])
            expected = [key[1] for key in features.keys(ENTITIES[mart]) if key[0] == str(user)]
            assert [str(key) for key in keys[own]] == expected
            for key, row in zip(keys[own], values[own], strict=True):
                assert_row(features, mart, (str(user), str(key)), row, moment)


@settings(deadline=None, max_examples=40)
@given(st.lists(happened(), max_size=40), st.integers(0, 2**31), st.integers(1, 24 * 100))
def test_items_are_worth_what_the_fold_says(events: list[Event], seed: int, hours: int) -> None:
    first, batches = arrivals(events, seed)
    moment = hours * HOUR
    base = traced(batches[0])
    whole = base
    for batch in batches[1:]:
        whole = whole.merged(traced(batch))
    active = np.flatnonzero(np.diff(whole.offsets) > np.diff(base.offsets))
    found = item_features(
        EVALUATOR, logged(base), moment, since=[Since(whole.take(part), part) for part in (active[::2], active[1::2])]
    )
    features = folded(first, moment)
    for item in range(ITEMS):
        assert_row(features, ITEM, (str(item),), found[item], moment)
    some = np.array([2, 0], np.int32)
    again = item_features(EVALUATOR, logged(whole), moment, only=some)
    np.testing.assert_allclose(again, found[some], rtol=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.lists(happened(), max_size=30), st.integers(0, 2**31))
def test_the_order_of_arrival_leaves_no_trace(events: list[Event], seed: int) -> None:
    first, batches = arrivals(events, seed)
    expected, found = traced(first), Trace.empty(KINDS, USERS)
    for batch in batches:
        found = found.merged(traced(batch))
    assert_equal(found, expected)
    assert_equal(found.merged(expected), expected)
    for row in range(USERS):
        own = slice(expected.offsets[row], expected.offsets[row + 1])
        order = list(zip(expected.at[own], expected.name[own], strict=True))
        assert order == sorted(order)


@settings(deadline=None, max_examples=60)
@given(st.lists(happened(), max_size=40), st.integers(0, 2**31), st.integers(1, 24 * 100))
def test_what_was_known_and_what_is_added_to_it_are_the_whole(events: list[Event], seed: int, hours: int) -> None:
    batches, moment = arrivals(events, seed)[1], hours * HOUR
    base = traced(batches[0])
    later = traced([each for batch in batches[1:] for each in batch])
    whole = base.merged(later)
    added, before = base.added_by(later)
    for row in range(USERS):
        if before[row]:
            assert_equal(added.take([row]), later.take([row]))
            known = base.take([row]).event
            assert whole.take([row]).event[: len(known)].tolist() != known.tolist()
        else:
            assert_equal(joined(base.take([row]), added.take([row])), whole.take([row]))
    late = np.flatnonzero(before)
    on_time = added.take(np.where(before, -1, np.arange(USERS)))
    since = [Since(on_time, np.full(USERS, -1)), Since(base.take(late).merged(added.take(late)), late)]
    expected = item_features(EVALUATOR, logged(whole), moment)
    np.testing.assert_allclose(item_features(EVALUATOR, logged(base), moment, since=since), expected, rtol=1e-6)


def joined(first: Trace, second: Trace) -> Trace:
    """One user's events, one trace's behind the other's."""
    return replace(Trace.stacked([first, second]), offsets=first.offsets + second.offsets)


@settings(deadline=None, max_examples=60)
@given(st.lists(happened(), min_size=1, max_size=30), st.integers(0, 40), st.integers(0, 2**31))
def test_what_one_user_did_later_is_put_behind_what_was_known(events: list[Event], few: int, seed: int) -> None:
    known = [replace(each, user_id="0") for each in events]
    later = [replace(each, occurred_at=each.occurred_at + 100 * DAY_US) for each in known]
    first, again = arrivals(known, seed)[0], later[:few] + known[:few]  # the same names: nothing may change
    expected, found = traced(first, 1), traced(first, 1)
    assert_equal(found.merged(traced(again, 1)), expected)
    renamed = [replace(each, event_id=f"later {each.event_id}") for each in later]
    whole = Trace.empty(KINDS, 1).merged(traced([*first, *renamed], 1))
    assert_equal(found.merged(traced(renamed, 1)), whole)
    assert_equal(found.merged(traced([*renamed, *first], 1)), whole)


def assert_equal(found: Trace, expected: Trace) -> None:
    for name in ("offsets", "name", "opens_session", "opens_pair", *COLUMNS):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def event(number: int, user: int = 0, item: int = 0, at: int = 0, kind: str = "purchase", **more: Any) -> Event:
    return Event(f"e{number}", str(user), f"s{user}", str(item), kind, at, **more)


def test_what_was_known_of_an_event_stays_when_it_arrives_again() -> None:
    base = traced([event(1, value=2.0)])
    merged = base.merged(traced([event(1, value=9.0, at=5), event(2, at=3)]))
    assert merged.value.tolist()[0] == 2.0
    assert merged.at.tolist() == [0, 3]


def test_at_the_same_instant_the_identifier_decides_what_came_first() -> None:
    base = traced([event(2), event(7)])
    merged = base.merged(traced([event(9), event(1), event(5)]))
    assert merged.name.tolist() == [b"e1", b"e2", b"e5", b"e7", b"e9"]
    assert merged.opens_pair.tolist() == [True, False, False, False, False]


def test_nobody_and_who_did_nothing_have_empty_traces() -> None:
    log = logged(traced([event(1, user=1), event(2, user=2)]))
    trace = log.of(np.array([-1, 0, 1, 2]))  # the last is a session of nobody
    assert np.diff(trace.offsets).tolist() == [0, 0, 1, 0]
    found = EVALUATOR.users(trace, np.full(4, DAY_US))
    assert np.isnan(found.user[[0, 1, 3]]).all()
    assert np.isfinite(found.user[2, 0])
    assert len(EVALUATOR.users(Trace.empty(KINDS, 0), np.zeros(0, np.int64)).user) == 0


def test_before_a_moment_only_earlier_events_are_left() -> None:
    trace = traced([event(1, at=1), event(2, at=2), event(3, user=1, at=2)])
    cut = trace.before(np.array([2, 3, 3]))
    assert cut.name.tolist() == [b"e1", b"e3"]
    assert np.diff(cut.offsets).tolist() == [1, 1, 0]


def test_unknown_items_count_for_the_user_and_have_no_row() -> None:
    trace = traced([event(1, item=-1), event(2, item=-2), event(3, item=-1), event(4, item=1)])
    found = EVALUATOR.users(trace, np.full(USERS, DAY_US))
    told = dict(zip(NAMES[USER], found.user[0], strict=True))
    assert told["purchases"] == 4
    assert told["discovery_share"] == pytest.approx(3 / 4)
    assert found.pair_item.tolist() == [1]
    assert np.isfinite(item_features(EVALUATOR, logged(trace), DAY_US)[:, 0]).tolist() == [False, True, False, False]


def test_numbers_are_those_that_duckdb_reads() -> None:
    for text in ("", "a", "31198437603-1009200", "Brötchen", "クッキー"):
        with duckdb.connect() as connection:
            ((found,),) = connection.execute("SELECT md5_number_lower(?)", [text]).fetchall()
        assert number_of(text) == found
        assert session_number(text) % 2**64 == found


def test_saved_traces_are_read_back_mapped(tmp_path: Path) -> None:
    log = logged(traced([event(1), event(2, user=1, item=3)]))
    save_traces(tmp_path / "traces", log)
    read = load_traces(tmp_path / "traces")
    assert_equal(read.trace, log.trace)
    assert read.trace.kinds == KINDS
    assert (read.users, read.items, list(read.brands.ids)) == (USERS, ITEMS, ["0", "1"])
    assert isinstance(read.trace.at.base, np.memmap)
    np.testing.assert_array_equal(item_features(EVALUATOR, read, DAY_US), item_features(EVALUATOR, log, DAY_US))


def test_traces_that_were_not_sealed_say_so(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="publish again"):
        load_traces(tmp_path / "traces")


def test_more_event_types_than_fit_are_refused() -> None:
    with pytest.raises(BadInput, match="65 event types"):
        Program.of(DECLARED["user"], (), [str(kind) for kind in range(65)])


@pytest.mark.parametrize(
    ("entity", "change", "said"),
    [
        ("user_item", {"numerator": "category.purchases_84d"}, "made of category's"),
        ("item", {"requires": ("known_user",)}, "counts everybody"),
        ("user", {"keys": ("user_id", "place_id")}, "serving knows it by"),
    ],
)
def test_declarations_that_traces_cannot_tell_are_refused(entity: str, change: dict[str, Any], said: str) -> None:
    own = DECLARED[entity]
    if "numerator" in change:
        features = own.features | {"session_share": own.features["session_share"].model_copy(update=change)}
        own = own.model_copy(update={"features": features})
    else:
        own = own.model_copy(update=change)
    with pytest.raises(BadInput, match=said):
        Evaluator.of(DECLARED | {entity: own}, KINDS, 5, NAMES)


def test_only_the_named_features_are_computed() -> None:
    few = Evaluator.of(DECLARED, KINDS, 5, {USER: ("overdue", "purchases"), USER_ITEM: ("session_share",)})
    trace = traced([event(1), event(2, at=DAY_US, kind="purchase")])
    every, found = EVALUATOR.users(trace, np.full(3, 3 * DAY_US)), few.users(trace, np.full(3, 3 * DAY_US))
    columns = [NAMES[USER].index(name) for name in ("overdue", "purchases")]
    np.testing.assert_array_equal(found.user, every.user[:, columns])
    np.testing.assert_array_equal(
        found.pair_values[:, 0], every.pair_values[:, NAMES[USER_ITEM].index("session_share")]
    )
    assert found.category_values.shape[1] == 0
