"""The queue: together what queues, cheaply what is late, and a thread that hangs takes nobody with it."""

import asyncio
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from little_market import USERS, engine_of

from ml.errors import BadInput
from ml.serving.contract import SlateRequest
from ml.serving.engine import batching, lane
from ml.serving.engine.batching import Batcher
from ml.serving.engine.engine import Budget, SlateEngine
from ml.serving.engine.lane import Lane
from ml.serving.waiting import Waiting

BUDGET = 200.0  # milliseconds; machines that test are busy
CHEAP = 0.25  # seconds that the cheap path may take on a busy machine; idle, it takes a few milliseconds


class Hanging:
    """An engine whose ranker hangs until it is let go; it hears of every batch."""

    def __init__(self, engine, gate, whole):
        self.engine, self.gate, self.budget, self.batches = engine, gate, Budget(600_000, whole), []
        self.cheap = engine.cheap

    def recommend_many(self, requests):
        self.batches.append(len(requests))
        self.gate.wait(30)
        return self.engine.recommend_many(requests)


def hanging(market, gate, whole=BUDGET):
    engine = engine_of(market.release)
    engine.cheap([SlateRequest("home")])  # what is compiled lazily is
    engine.recommend(SlateRequest("home"))
    return Hanging(engine, gate, whole)


@contextmanager
def batching_with(engine):
    batcher = Batcher(lambda: engine)
    try:
        yield batcher
    finally:
        if hasattr(engine, "gate"):
            engine.gate.set()
        batcher.close()


def threads():
    return {thread for thread in threading.enumerate() if thread.name == "slate-full"}


def asked(user="u001", **given):
    return SlateRequest("home", user_id=user, **given)


async def timed(batcher, request):
    started = time.perf_counter()
    return await batcher.answer(request), time.perf_counter() - started


def test_what_queues_is_answered_together(market, monkeypatch):
    monkeypatch.setattr(lane, "LONGEST", 600.0)
    monkeypatch.setattr(lane, "FEW", 7)
    gate = threading.Event()

    async def ask(batcher):
        first = asyncio.ensure_future(batcher.answer(asked("u000")))
        while not engine.batches:
            await asyncio.sleep(0.001)
        others = [asyncio.ensure_future(batcher.answer(asked(user))) for user in USERS[1:9]]
        await asyncio.sleep(0.01)
        gate.set()
        return await asyncio.gather(first, *others)

    engine = hanging(market, gate, whole=60_000)
    with batching_with(engine) as batcher:
        slates = asyncio.run(ask(batcher))
    assert engine.batches == [1, 8]
    assert [slate.user_id for slate in slates] == USERS[:9]
    assert {slate.degraded for slate in slates} == {None}


def test_a_ranker_that_hangs_costs_the_budget_and_no_more(market):
    before = threads()

    async def ask(batcher):
        slate, took = await timed(batcher, asked())
        assert slate.degraded in {"cached_slate", "segment_popularity"}
        assert batching.PATIENT_SHARE * BUDGET / 1_000 <= took < BUDGET / 1_000 + CHEAP
        slate, took = await timed(batcher, asked())  # known to be late: it does not wait for the budget
        assert (slate.degraded is not None, took < CHEAP) == (True, True)
        await asyncio.sleep(lane.HUNG)
        batcher.full.look_after()
        assert len(threads() - before) == 2
        gate, engine.gate = engine.gate, threading.Event()
        engine.gate.set()
        slate, _ = await timed(batcher, asked())
        assert slate.degraded is None  # another thread has taken over
        gate.set()
        for _ in range(200):
            if len(threads() - before) == 1:
                break
            await asyncio.sleep(0.01)
        assert len(threads() - before) == 1  # the one that hung is gone
        assert batcher.full._hung == 0

    engine = hanging(market, threading.Event())
    with batching_with(engine) as batcher:
        asyncio.run(ask(batcher))
    assert batcher.late == 1


def test_four_threads_that_hang_leave_the_cheap_path(market, monkeypatch):
    monkeypatch.setattr(lane, "HUNG", 0.02)

    async def ask(batcher):
        for _ in range(lane.MOST_HUNG):
            slate, _ = await timed(batcher, asked())
            assert slate.degraded is not None
            await asyncio.sleep(0.03)
            batcher.full.look_after()
        assert batcher.full._hung == lane.MOST_HUNG
        for _ in range(5):
            slate, took = await timed(batcher, asked())
            assert slate.degraded is not None
            assert took < CHEAP
        assert len(engine.batches) == lane.MOST_HUNG
        engine.gate.set()
        while batcher.full._hung:
            await asyncio.sleep(0.005)
        assert (await batcher.answer(asked())).degraded is None

    engine = hanging(market, threading.Event(), whole=30.0)
    with batching_with(engine) as batcher:
        batcher.full.pace = 1e-6
        asyncio.run(asyncio.wait_for(ask(batcher), 20))


def test_one_bad_request_spoils_nobody_elses(market):
    async def ask(batcher):
        requests = [asked("u001"), SlateRequest("cellar"), asked("u002", k=0), asked("u003"), asked(anchor="i001")]
        return await asyncio.gather(*map(batcher.answer, requests), return_exceptions=True)

    with batching_with(engine_of(market.release)) as batcher:
        first, cellar, none, last, beside = asyncio.run(ask(batcher))
    assert (first.user_id, last.user_id, first.degraded, last.degraded) == ("u001", "u003", None, None)
    for error in (cellar, none, beside):
        assert isinstance(error, BadInput)


def test_a_batch_that_fails_is_answered_cheaply(market):
    class Failing(SlateEngine):
        def recommend_many(self, requests, moment=None):
            raise MemoryError("of the ranker")

    engine = engine_of(market.release)
    failing = Failing(engine.release, engine.profiles, engine.clock, engine.budget)
    with batching_with(failing) as batcher:
        slate = asyncio.run(batcher.answer(asked()))
    assert slate.degraded == "segment_popularity"
    assert len(slate.items) == 6


def test_too_much_is_answered_cheaply_rather_than_queued_past_the_budget(market):
    gate = threading.Event()

    async def ask(batcher):
        batcher.full.pace, batcher.cheap.pace = 0.01, 0.0005
        waiting = [asyncio.ensure_future(batcher.answer(asked(user))) for user in USERS]
        await asyncio.sleep(0)
        queued = len(batcher.full) + len(engine.batches)
        done, _ = await asyncio.wait(waiting, timeout=BUDGET / 2_000)
        assert {task.result().degraded for task in done} <= {"cached_slate", "segment_popularity"}
        gate.set()
        return queued, await asyncio.gather(*waiting)

    engine = hanging(market, gate)
    with batching_with(engine) as batcher:
        queued, slates = asyncio.run(ask(batcher))
    assert queued <= BUDGET / 2_000 / 0.01 + 3
    assert [slate.user_id for slate in slates] == USERS
    assert all(len(slate.items) == 6 for slate in slates)
    assert sum(slate.degraded is not None for slate in slates) >= len(USERS) - queued


def test_two_at_once_both_have_their_full_slate(market):
    async def ask(batcher):
        batcher.full.pace = 0.002
        first = asyncio.ensure_future(batcher.answer(asked("u000")))
        while not engine.batches:
            await asyncio.sleep(0)
        assert batcher.full.delay <= 0.002
        second = asyncio.ensure_future(batcher.answer(asked("u001")))
        await asyncio.sleep(0.005)
        engine.gate.set()
        return await asyncio.gather(first, second)

    engine = hanging(market, threading.Event(), whole=5_000)
    with batching_with(engine) as batcher:
        assert [slate.degraded for slate in asyncio.run(ask(batcher))] == [None, None]


def test_closing_answers_what_is_queued(market):
    async def ask(batcher):
        waiting = [asyncio.ensure_future(batcher.answer(asked(user))) for user in USERS[:5]]
        await asyncio.sleep(0)
        batcher.close()
        slates = await asyncio.gather(*waiting)
        with pytest.raises(RuntimeError, match="closed"):
            await batcher.answer(asked())
        return slates

    slates = asyncio.run(ask(Batcher(lambda: engine_of(market.release))))
    assert [slate.user_id for slate in slates] == USERS[:5]


def test_who_waits_for_a_thread_that_hangs_is_answered_after_closing_too(market):
    async def ask(batcher):
        waiting = asyncio.ensure_future(batcher.answer(asked()))
        while not engine.batches:
            await asyncio.sleep(0.001)
        batcher.close()
        return await asyncio.wait_for(waiting, 5)

    engine = hanging(market, threading.Event())
    with batching_with(engine) as batcher:
        assert asyncio.run(ask(batcher)).degraded is not None


def test_who_no_longer_waits_is_not_answered(market):
    async def ask(batcher):
        first = asyncio.ensure_future(batcher.answer(asked("u000")))
        while not engine.batches:
            await asyncio.sleep(0.001)
        gone = asyncio.ensure_future(batcher.answer(asked("u001")))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        engine.gate.set()
        await first
        return await batcher.answer(asked("u002"))

    engine = hanging(market, threading.Event(), whole=60_000)
    with batching_with(engine) as batcher:
        assert asyncio.run(ask(batcher)).user_id == "u002"
    assert engine.batches == [1, 1]


def test_what_a_batch_takes_is_learnt_apart_from_what_each_of_its_slates_takes():
    learning, rng = Lane("learning", lambda requests: [None for _ in requests]), np.random.default_rng(0)
    try:
        for size in rng.integers(1, 33, 3_000).tolist():
            learning._learn(size, 0.004 + 0.0013 * size)
        assert learning.start == pytest.approx(0.004, rel=0.2)
        assert learning.pace == pytest.approx(0.0013, rel=0.05)
        assert learning.delay == 0
    finally:
        learning.close()


def lane_of(batches, gate):
    """A lane that notes whom it answers together, and waits for the gate before the first answer."""

    def answer(requests):
        batches.append([request.user_id for request in requests])
        gate.wait(30)
        return [request.user_id for request in requests]

    return Lane("turns", answer)


def put(full, user, first=False):
    waiting = Waiting(asked(user), asyncio.get_running_loop().create_future())
    full.put(waiting, first)
    return waiting.future


async def under_way(full, batches):
    """The first request, once its batch has begun: what is put now queues."""
    first = put(full, "first")
    while not batches:
        await asyncio.sleep(0.001)
    return first


def test_who_has_waited_already_is_answered_before_the_others():
    batches, gate = [], threading.Event()

    async def ask(cheap):
        first = await under_way(cheap, batches)
        others = [put(cheap, "second"), put(cheap, "late", first=True)]
        gate.set()
        await asyncio.gather(first, *others)

    cheap = lane_of(batches, gate)
    asyncio.run(asyncio.wait_for(ask(cheap), 60))
    cheap.close()
    assert batches == [["first"], ["late", "second"]]


def test_whoever_asks_as_soon_as_they_are_answered_is_in_the_next_batch(monkeypatch):
    monkeypatch.setattr(lane, "TURN", 60.0)
    batches, gate = [], threading.Event()

    async def ask(full):
        first, again = await under_way(full, batches), asyncio.get_running_loop().create_future()
        second = put(full, "second")  # queues while the first batch is made
        first.add_done_callback(lambda _: put(full, "again").add_done_callback(again.set_result))
        gate.set()
        await asyncio.gather(first, second, again)

    full = lane_of(batches, gate)
    asyncio.run(asyncio.wait_for(ask(full), 60))
    full.close()
    assert batches == [["first"], ["second", "again"]]


@pytest.mark.parametrize(("waiting", "sizes"), [(12, [1, 3, 3, 3, 3]), (5, [1, 3, 2]), (2, [1, 2]), (16, [1, 16])])
def test_few_that_wait_are_answered_a_few_at_a_time(waiting, sizes, monkeypatch):
    monkeypatch.setattr(lane, "LONGEST", 600.0)
    batches, gate = [], threading.Event()

    async def ask(full):
        first = await under_way(full, batches)
        others = [put(full, f"u{number}") for number in range(waiting)]
        gate.set()
        return await asyncio.gather(first, *others)

    full = lane_of(batches, gate)
    answered = asyncio.run(asyncio.wait_for(ask(full), 60))
    full.close()
    assert [len(batch) for batch in batches] == sizes
    assert answered == ["first", *(f"u{number}" for number in range(waiting))]


def test_a_loop_that_is_busy_holds_nobody_up_for_long():
    batches, gate = [], threading.Event()

    async def ask(full):
        first = await under_way(full, batches)
        second = put(full, "second")
        gate.set()
        for _ in range(1_000):  # the loop does not come to its turn
            time.sleep(0.01)
            if len(batches) == 2:
                break
        assert len(batches) == 2
        await asyncio.gather(first, second)

    full = lane_of(batches, gate)
    asyncio.run(asyncio.wait_for(ask(full), 60))
    full.close()
