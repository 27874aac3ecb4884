"""Dynamic micro-batches: what queues while the engine works is answered together, by one call of the ranker.

Nobody waits for company: an idle engine takes a single request at once. A request that the engine has not answered
in good time is answered by the cheap path, and so is one that would have to queue longer than that.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ml.errors import BadInput
from ml.logs import get_logger
from ml.serving.beside import let_the_loop_first
from ml.serving.contract import Overloaded, ServedSlate, SlateRequest
from ml.serving.engine.engine import SlateEngine

MOST = 32  # requests answered together
LONGEST = 0.025  # seconds that a batch should take at most: whoever comes meanwhile waits for it
FULL_SHARE, CHEAP_SHARE = 0.4, 0.2  # of the budget, for which a request may queue for either way to a slate
PATIENT_SHARE = 0.9  # of the budget, after which the cheap way has to do: it takes some time itself
HUNG = 1.0  # seconds after which a batch that has not come back is given up
MOST_HUNG = 4  # threads that may hang before only the cheap path is left
log = get_logger(__name__)

Answer = Callable[[Sequence[SlateRequest]], list[ServedSlate]]
Outcome = ServedSlate | BaseException


@dataclass(eq=False)
class Waiting:
    """A request that somebody waits for."""

    request: SlateRequest
    future: "asyncio.Future[ServedSlate]"
    since: float = field(default_factory=time.perf_counter)


class Lane:
    """A queue and the thread that answers what is in it, a batch at a time."""

    def __init__(self, name: str, answer: Callable[[Sequence[SlateRequest]], Sequence[Outcome]]) -> None:
        self.name, self._answer = name, answer
        self._queue: deque[Waiting] = deque()
        self._wake = threading.Condition()
        self._generation, self._hung = 0, 0
        self.began: float | None = None  # when the batch that is under way began
        self._size = 0  # requests in it
        self.start, self.pace = 0.0, 0.002  # seconds a batch as such, and each of its slates, as of late
        self._closed = False
        self._start()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def idle(self) -> bool:
        """Whether nobody waits and nothing is under way."""
        return self.began is None and not self._queue

    @property
    def delay(self) -> float:
        """Seconds that a request would wait before its batch begins."""
        began, queued = self.began, len(self._queue)
        left = 0.0 if began is None else max(self._expected(self._size) - (time.perf_counter() - began), 0.0)
        return left + queued // self.most * self.start + queued * self.pace

    @property
    def most(self) -> int:
        """Requests answered together, as fast as that goes of late."""
        return max(1, min(MOST, int((LONGEST - self.start) / max(self.pace, 1e-6))))

    def _expected(self, size: int) -> float:
        """Seconds that a batch of so many takes."""
        return self.start + self.pace * size

    def _learn(self, size: int, took: float) -> None:
        """Correct what a batch and a slate are thought to take (normalised least mean squares)."""
        step = 0.1 * (took - self._expected(size)) / (1 + size * size)
        self.start, self.pace = max(self.start + step, 0.0), max(self.pace + step * size, 0.0)

    def overdue(self, seconds: float) -> bool:
        """Whether the batch under way takes longer than so many seconds, or every thread that may hang does."""
        began = self.began
        return self._hung >= MOST_HUNG or (began is not None and time.perf_counter() - began > seconds)

    def put(self, waiting: Waiting) -> None:
        """Queue a request."""
        with self._wake:
            if self._closed:
                raise RuntimeError(f"the {self.name} lane is closed")
            self._queue.append(waiting)
            self._wake.notify()

    def look_after(self) -> None:
        """Where the thread hangs, let another take its place."""
        with self._wake:
            if self._hung >= MOST_HUNG or not self.overdue(HUNG):
                return
            self._generation, self._hung, self.began = self._generation + 1, self._hung + 1, None
        log.error("the %s lane hangs: another thread goes on", self.name)
        self._start()

    def close(self) -> None:
        """Answer what is queued, then stop."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()

    def _start(self) -> None:
        generation = self._generation
        threading.Thread(target=self._work, args=(generation,), name=f"slate-{self.name}", daemon=True).start()

    def _work(self, generation: int) -> None:
        let_the_loop_first()
        while batch := self._next(generation):
            answers = self._answers(batch)
            if not self._done(generation, len(batch)):
                return  # given up meanwhile: those who waited have been answered otherwise
            _deliver(batch, answers)

    def _answers(self, batch: Sequence[Waiting]) -> Sequence[Outcome]:
        """The answers; whatever fails is told to those who wait, and the thread goes on."""
        try:
            return self._answer([waiting.request for waiting in batch])
        except Exception as error:
            log.exception("the %s lane cannot answer", self.name)
            return [error] * len(batch)

    def _next(self, generation: int) -> list[Waiting]:
        """Whatever is queued, at most `MOST`; nothing where this thread is to stop."""
        with self._wake:
            while generation == self._generation:
                batch: list[Waiting] = []
                most = self.most
                while self._queue and len(batch) < most:
                    waiting = self._queue.popleft()
                    if not waiting.future.done():  # the others were answered by the cheap path
                        batch.append(waiting)
                if batch:
                    self.began, self._size = time.perf_counter(), len(batch)
                    return batch
                if self._closed:
                    break
                self._wake.wait()
            return []

    def _done(self, generation: int, size: int) -> bool:
        with self._wake:
            if generation != self._generation:
                self._hung -= 1
                return False
            took = time.perf_counter() - (self.began or time.perf_counter())
            self._learn(size, took)
            self.began = None
            return True


def _deliver(batch: Sequence[Waiting], answers: Sequence[Outcome]) -> None:
    """Hand the answers to the event loop, all in one call."""

    def settle() -> None:
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.future.done():
                continue
            if isinstance(answer, BaseException):
                waiting.future.set_exception(answer)
            else:
                waiting.future.set_result(answer)

    loop = batch[0].future.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)


def _timed(slate: ServedSlate, waiting: Waiting) -> ServedSlate:
    """The slate with how long it took in all, and how much of that it waited for others."""
    total = (time.perf_counter() - waiting.since) * 1_000
    queue = max(total - sum(slate.timings_ms.values()), 0.0)
    return replace(slate, timings_ms={**slate.timings_ms, "queue": round(queue, 3), "total": round(total, 3)})


class Batcher:
    """Answers requests of an event loop with the engine of the moment."""

    def __init__(self, engine: Callable[[], SlateEngine]) -> None:
        self._engine = engine
        self.full = Lane("full", self._full)
        self.cheap = Lane("cheap", self._cheap)
        self.late = 0  # requests that the full lane had not answered in time

    async def answer(self, request: SlateRequest) -> ServedSlate:
        """One slate, within the budget or soon after.

        Raises:
            BadInput: The request asks for what is not declared.
            Overloaded: It could not be answered in time.
        """
        loop, budget = asyncio.get_running_loop(), self._engine().budget.whole / 1_000
        waiting = Waiting(request, loop.create_future())
        self.full.look_after()
        if self.full.overdue(PATIENT_SHARE * budget) or self.full.delay > FULL_SHARE * budget:
            if self.cheap.delay > CHEAP_SHARE * budget:
                raise Overloaded("too much is asked at once")
            self.cheap.put(waiting)
            return _timed(await waiting.future, waiting)
        self.full.put(waiting)
        timer = loop.call_later(PATIENT_SHARE * budget, self._out_of_time, waiting)
        try:
            return _timed(await waiting.future, waiting)
        finally:
            timer.cancel()

    def close(self) -> None:
        """Answer what is queued, then stop."""
        self.full.close()
        self.cheap.close()

    def _out_of_time(self, waiting: Waiting) -> None:
        if waiting.future.done():
            return
        self.late += 1
        if self.cheap.delay > CHEAP_SHARE * self._engine().budget.whole / 1_000:
            _deliver([waiting], [Overloaded("too much is asked at once")])
            return
        try:
            self.cheap.put(waiting)
        except RuntimeError:  # its thread is gone, but who came before the end is still answered
            _deliver([waiting], self._cheap([waiting.request]))

    def _full(self, requests: Sequence[SlateRequest]) -> Sequence[Outcome]:
        engine = self._engine()
        return _each(engine.recommend_many, requests, otherwise=engine.cheap)

    def _cheap(self, requests: Sequence[SlateRequest]) -> Sequence[Outcome]:
        return _each(self._engine().cheap, requests)


def _each(answer: Answer, requests: Sequence[SlateRequest], otherwise: Answer | None = None) -> Sequence[Outcome]:
    """The answers to all; where the batch fails, each by itself, and last in another way."""
    try:
        return answer(requests)
    except Exception as error:  # whatever fails in a batch, each request is still answered
        if not isinstance(error, BadInput):
            log.exception("a batch of %d failed", len(requests))
        return [_alone(request, answer, otherwise) for request in requests]


def _alone(request: SlateRequest, answer: Answer, otherwise: Answer | None) -> Outcome:
    try:
        return answer([request])[0]
    except BadInput as error:
        return error
    except Exception as error:  # noqa: BLE001 - told to whoever asked, and to nobody else
        return error if otherwise is None else _alone(request, otherwise, None)
