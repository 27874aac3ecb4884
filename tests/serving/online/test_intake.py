"""What many hand in at once: taken in together, each told of its own, and nobody held up by another's mistake."""

import asyncio
import threading
from contextlib import closing

import pytest
from happenings import NOON, happened, many

from ml.errors import BadInput, RunFailed
from ml.serving.online import intake
from ml.serving.online.errors import NotDurable
from ml.serving.online.event_log import EventLog
from ml.serving.online.intake import Intake
from ml.serving.online.live import AHEAD_SECONDS, Live, Receipt


class Gated:
    """Takes events in once it is let to, and notes what it was handed together."""

    def __init__(self) -> None:
        self.gate, self.begun, self.groups = threading.Event(), threading.Event(), []

    def __call__(self, calls):
        self.groups.append([[event.event_id for event in call] for call in calls])
        self.begun.set()
        assert self.gate.wait(30)
        return [Receipt(len(call), 0, True) for call in calls]


@pytest.fixture
def gated():
    return Gated()


@pytest.fixture
def made(gated):
    with closing(Intake("intake", gated)) as one:
        yield one
        gated.gate.set()


def soon(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))


async def behind(made, gated, *calls):
    """Hand something in and, while that is under way, some calls more; their tasks."""
    tasks = [asyncio.ensure_future(made.take([happened("first")]))]
    await asyncio.to_thread(gated.begun.wait, 30)
    for call in calls:
        tasks.append(asyncio.ensure_future(made.take(call)))
        await asyncio.sleep(0)
    return tasks


def test_what_comes_while_some_are_taken_in_is_taken_in_together_next(made, gated):
    async def hand_in():
        tasks = await behind(made, gated, many(2), [happened("b")], many(3, start=5))
        gated.gate.set()
        return await asyncio.gather(*tasks)

    assert [receipt.accepted for receipt in soon(hand_in())] == [1, 2, 1, 3]
    assert gated.groups == [[["first"]], [["e0", "e1"], ["b"], ["e5", "e6", "e7"]]]


def test_nobody_waits_for_company(made, gated):
    gated.gate.set()
    assert soon(made.take(many(2))) == Receipt(2, 0, True)


def test_a_group_is_no_larger_than_a_large_call(made, gated, monkeypatch):
    monkeypatch.setattr(intake, "TOGETHER", 4)

    async def hand_in():
        tasks = await behind(made, gated, many(3), many(2, start=3), many(9, start=5), many(1, start=14))
        gated.gate.set()
        return await asyncio.gather(*tasks)

    assert [receipt.accepted for receipt in soon(hand_in())] == [1, 3, 2, 9, 1]
    assert [[len(call) for call in group] for group in gated.groups] == [[1], [3], [2], [9], [1]]


def test_more_than_memory_holds_is_refused_and_what_waits_is_kept(made, gated, monkeypatch):
    monkeypatch.setattr(intake, "MOST", 4)

    async def hand_in():
        tasks = await behind(made, gated, many(3), many(2, start=3), [happened("b")])
        gated.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, refused, last = soon(hand_in())
    assert (first.accepted, second.accepted, last.accepted) == (1, 3, 1)
    assert isinstance(refused, NotDurable)
    assert "too much waits" in str(refused)
    assert gated.groups[1:] == [[["e0", "e1", "e2"], ["b"]]]
    assert soon(made.take(many(9))).accepted == 9, "alone, a call may be as large as it likes"


def test_who_no_longer_waits_changes_nothing_for_others(made, gated):
    async def hand_in():
        tasks = await behind(made, gated, [happened("gone")], [happened("b")])
        tasks[1].cancel()
        gated.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, gone, last = soon(hand_in())
    assert isinstance(gone, asyncio.CancelledError)
    assert (first.accepted, last.accepted) == (1, 1)


@pytest.mark.parametrize(
    ("error", "logged"), [(RunFailed("another process takes them"), False), (OSError("a fault"), True)]
)
def test_a_failure_is_told_to_all_and_ends_nothing(error, logged, caplog):
    failing = [error]

    def accept_all(calls):
        if failing:
            raise failing.pop()
        return [Receipt(len(call), 0, True) for call in calls]

    with closing(Intake("intake", accept_all)) as made:
        with pytest.raises(type(error), match=str(error)):
            soon(made.take(many(1)))
        assert soon(made.take(many(2))).accepted == 2
    assert ("could not be taken in" in caplog.text) is logged


def test_what_was_handed_in_is_taken_in_before_the_end_and_nothing_after(made, gated):
    async def hand_in():
        tasks = await behind(made, gated, [happened("b")])
        ending = asyncio.to_thread(made.close)
        gated.gate.set()
        return await asyncio.gather(ending, *tasks)

    assert [receipt.accepted for receipt in soon(hand_in())[1:]] == [1, 1]
    with pytest.raises(NotDurable, match="no longer taken in"):
        soon(made.take(many(1)))


def test_each_is_told_of_its_own_and_all_share_a_sync(tmp_path, make_store):
    going, syncs = threading.Event(), []

    def sync(descriptor):
        syncs.append(descriptor)
        assert going.wait(30)

    async def hand_in(made):
        first = asyncio.ensure_future(made.take([happened("a")]))
        while not syncs:
            await asyncio.sleep(0.001)
        ahead = happened("future", occurred_at=NOON + AHEAD_SECONDS * 1_000_000 + 1)
        calls = [
            [happened("b"), happened("a")],
            [happened("c"), ahead],
            [happened("b"), happened("d")],
            [happened("c")],
        ]
        others = [asyncio.ensure_future(made.take(call)) for call in calls]
        await asyncio.sleep(0.05)
        going.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    with (
        closing(Live(EventLog(tmp_path / "log", sync=sync), make_store(only_filled=True), 30.0, lambda: NOON)) as live,
        closing(Intake("intake", live.accept_all)) as made,
    ):
        first, doubled, refused, again, last = soon(hand_in(made))
        assert (first, doubled) == (Receipt(1, 0, True), Receipt(1, 1, True))
        assert isinstance(refused, BadInput)
        assert "events[1].occurred_at" in str(refused)
        assert (again, last) == (Receipt(1, 1, True), Receipt(1, 0, True))
        assert [event.event_id for _, event in live.since(0)] == ["a", "b", "d", "c"]
        assert len(syncs) == 2
