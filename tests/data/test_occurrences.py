from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.bundle.stored import load_knowledge, save_knowledge
from ml.data.arrays import Ragged
from ml.data.facts import UserStates
from ml.data.holdings import Holdings
from ml.data.knowledge import Knowledge
from ml.data.occurrences import NEVER, Occurrences
from ml.data.requests import History, Requests

USERS, ITEMS = 4, 5
GROUP = np.array([0, 1, 0, 2, 1], np.int32)
events = st.lists(st.tuples(st.integers(-1, USERS - 1), st.integers(-1, ITEMS - 1), st.integers(0, 9)), max_size=25)
asked = st.lists(st.tuples(st.integers(-1, USERS - 1), st.integers(0, 10)), min_size=1, max_size=6)


def occurrences_of(happened: list[tuple[int, int, int]]) -> Occurrences:
    user, item, at = np.array(happened or np.zeros((0, 3)), np.int64).T
    return Occurrences.of_events(user.astype(np.int32), item.astype(np.int32), at)


@given(events, asked, st.booleans(), st.booleans())
def test_the_last_time_is_strictly_before_the_moment(
    happened: list[tuple[int, int, int]], requests: list[tuple[int, int]], grouped: bool, one_row: bool
) -> None:
    user, moment = np.array(requests, np.int64).T
    items = np.arange(-1, ITEMS, dtype=np.int32)[None]
    found = occurrences_of(happened).last(
        user.astype(np.int32), items if one_row else np.repeat(items, len(user), axis=0), moment,
        GROUP if grouped else None,
    )  # fmt: skip
    assert found.shape == (len(user), ITEMS + 1)
    for row, (who, when) in enumerate(requests):
        for column, item in enumerate(items[0]):
            times = [
                at for u, i, at in happened
                if u == who >= 0 and at < when and min(i, item) >= 0 and (GROUP[i] == GROUP[item] if grouped else i == item)
            ]  # fmt: skip
            assert found[row, column] == max(times, default=NEVER)


@given(events, st.integers(0, 10))
def test_an_earlier_past_knows_only_what_was_before_it(happened: list[tuple[int, int, int]], moment: int) -> None:
    earlier = occurrences_of([event for event in happened if event[2] < moment])
    cut = occurrences_of(happened).before(moment)
    for name in ("user", "item", "at"):
        assert getattr(cut, name).tolist() == getattr(earlier, name).tolist()


@pytest.mark.parametrize("happened", [[], [(0, 1, 5), (2, 3, 8)]])
def test_a_bundle_keeps_what_happened(tmp_path: Path, happened: list[tuple[int, int, int]]) -> None:
    knowledge = Knowledge(
        UserStates.none(), Holdings.none(), "mixed",
        {"refuse": occurrences_of(happened), "decline": Occurrences.none()},
    )  # fmt: skip
    save_knowledge(tmp_path / "knowledge", knowledge)
    loaded = load_knowledge(tmp_path / "knowledge").occurrences
    assert list(loaded) == ["refuse", "decline"]
    assert [loaded["refuse"].user.tolist(), loaded["refuse"].at.tolist()] == [
        [user for user, _, _ in happened], [at for _, _, at in happened],
    ]  # fmt: skip
    assert len(loaded["decline"]) == 0


def test_requests_are_told_what_was_known_before_an_instant() -> None:
    knowledge = Knowledge(
        UserStates.none(), Holdings.none(), "mixed", {"refuse": occurrences_of([(0, 1, 5), (0, 1, 8)])}
    )
    user = np.array([0], np.int32)
    history = History(np.zeros(2, np.int64), *(np.zeros(0, kind) for kind in ("i4", "i8", "i4", "f4")))
    requests = Requests(user, np.array([10]), user, history, Ragged.empty(1))
    last = {
        name: each.told(requests, ITEMS).take(np.array([0])).occurrences["refuse"].last(user, user[None] + 1, np.array([10]))
        for name, each in {"now": knowledge, "then": knowledge.before(8)}.items()
    }  # fmt: skip
    assert last["now"].tolist() == [[8]]
    assert last["then"].tolist() == [[5]]
