"""Events of many callers, taken in together: what comes while some are made durable is taken in next.

A thread, a sync and a transaction for each call would, under a flood, take more of a core than the slates do.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence

from ml.errors import RunFailed
from ml.logs import get_logger
from ml.serving.events import LiveEvent
from ml.serving.online.errors import NotDurable
from ml.serving.online.live import Receipt
from ml.serving.waiting import Waiting, deliver

TOGETHER = 1_000  # events taken in together, or one call with more
MOST = 100_000  # events that may wait: a disk that hangs must not fill the memory
CLOSE_SECONDS = 15.0  # for which what is handed in may hold up the end: a disk that hangs fails sooner
log = get_logger(__name__)

Call = Sequence[LiveEvent]


class Intake:
    """A queue of calls and the thread that takes in whatever is in it.

    Args:
        name: Of the thread.
        accept_all: Takes in the events of several calls; see `Live.accept_all`.
    """

    def __init__(self, name: str, accept_all: Callable[[Sequence[Call]], Sequence[Receipt | Exception]]) -> None:
        self._accept_all = accept_all
        self._queue: deque[Waiting[Call, Receipt]] = deque()
        self._queued = 0  # events
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def take(self, events: Call) -> Receipt:
        """Take events in, from an event loop. Raises as `Live.accept`, and `NotDurable` where too many wait."""
        waiting: Waiting[Call, Receipt] = Waiting(events, asyncio.get_running_loop().create_future())
        self._put(waiting)
        try:
            return await waiting.future
        finally:
            del waiting  # else what its future raises would hold this frame, which would hold it: garbage in a circle

    def close(self) -> None:
        """Take in what was handed in, then stop."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(CLOSE_SECONDS)

    def _put(self, waiting: Waiting[Call, Receipt]) -> None:
        with self._wake:
            if self._closed:
                raise NotDurable("events are no longer taken in: send them again")
            if self._queued and self._queued + len(waiting.request) > MOST:
                raise NotDurable("the disk of the event log does not keep up, too much waits for it: try again")
            self._queued += len(waiting.request)
            self._queue.append(waiting)
            self._wake.notify()

    def _run(self) -> None:
        while group := self._next():
            deliver(group, self._outcomes([waiting.request for waiting in group]))

    def _next(self) -> list[Waiting[Call, Receipt]]:
        """What waits, in its order; nothing at the end."""
        with self._wake:
            self._wake.wait_for(lambda: self._queue or self._closed)
            group: list[Waiting[Call, Receipt]] = []
            events = 0
            while self._queue and (not group or events + len(self._queue[0].request) <= TOGETHER):
                group.append(self._queue.popleft())
                events += len(group[-1].request)
            self._queued -= events
            return group

    def _outcomes(self, calls: Sequence[Call]) -> Sequence[Receipt | Exception]:
        try:
            return self._accept_all(calls)
        except RunFailed as error:
            return [error] * len(calls)
        except Exception as error:
            log.exception("events could not be taken in")
            return [error] * len(calls)
