"""Dynamic micro-batches: what queues while the engine works is answered together, by one call of the ranker.

Nobody waits for company: an idle engine takes a single request at once. A request that the engine has not answered
in good time is answered by the cheap path, and so is one that would have to queue longer than that.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from ml.errors import BadInput
from ml.logs import get_logger
from ml.serving.contract import Overloaded, ServedSlate, SlateRequest
from ml.serving.engine.engine import SlateEngine
from ml.serving.engine.lane import Asked, Lane, Outcome
from ml.serving.waiting import Waiting, deliver

FULL_SHARE, CHEAP_SHARE = 0.35, 0.15  # of the budget, for which a request may queue for either way to a slate
PATIENT_SHARE = 0.5  # of the budget, after which the cheap way has to do: under a flood it takes the rest itself
CHEAP_BATCH = 0.4  # of how long a batch may take: who comes to the cheap way has waited already
log = get_logger(__name__)

Answer = Callable[[Sequence[SlateRequest]], list[ServedSlate]]


async def _answered(waiting: Asked) -> ServedSlate:
    try:
        return _timed(await waiting.future, waiting)
    finally:
        del waiting  # else what its future raises would hold this frame, which would hold it: garbage in a circle


def _timed(slate: ServedSlate, waiting: Asked) -> ServedSlate:
    """The slate with how long it took in all, and how much of that it waited for others."""
    total = (time.perf_counter() - waiting.since) * 1_000
    queue = max(total - sum(slate.timings_ms.values()), 0.0)
    return replace(slate, timings_ms={**slate.timings_ms, "queue": round(queue, 3), "total": round(total, 3)})


class Batcher:
    """Answers requests of an event loop with the engine of the moment."""

    def __init__(self, engine: Callable[[], SlateEngine]) -> None:
        self._engine = engine
        self.full = Lane("full", self._full)
        self.cheap = Lane("cheap", self._cheap, CHEAP_BATCH)
        self.late = 0  # requests that the full lane had not answered in time

    async def answer(self, request: SlateRequest) -> ServedSlate:
        """One slate, within the budget or soon after.

        Raises:
            BadInput: The request asks for what is not declared.
            Overloaded: It could not be answered in time.
        """
        loop, budget = asyncio.get_running_loop(), self._engine().budget.whole / 1_000
        waiting: Asked = Waiting(request, loop.create_future())
        self.full.look_after()
        if self.full.overdue(PATIENT_SHARE * budget) or self.full.delay > FULL_SHARE * budget:
            if self.cheap.delay > CHEAP_SHARE * budget:
                raise Overloaded("too much is asked at once")
            self.cheap.put(waiting)
            return await _answered(waiting)
        self.full.put(waiting)
        timer = loop.call_later(PATIENT_SHARE * budget, self._out_of_time, waiting)
        try:
            return await _answered(waiting)
        finally:
            timer.cancel()
            del waiting  # as below

    def close(self) -> None:
        """Answer what is queued, then stop."""
        self.full.close()
        self.cheap.close()

    def _out_of_time(self, waiting: Asked) -> None:
        if waiting.future.done():
            return
        self.late += 1
        if self.cheap.delay > CHEAP_SHARE * self._engine().budget.whole / 1_000:
            deliver([waiting], [Overloaded("too much is asked at once")])
            return
        try:
            self.cheap.put(waiting, first=True)
        except RuntimeError:  # its thread is gone, but who came before the end is still answered
            deliver([waiting], self._cheap([waiting.request]))

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
