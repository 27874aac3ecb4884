"""Requests sent when they are due, whether or not earlier ones were answered (an open loop).

A generator that waits for an answer before it sends the next request stops asking just while the server stalls, and so
leaves out the worst of what users would have seen ("coordinated omission": Tene, "How NOT to Measure Latency", 2013).
Here each latency counts from the moment at which the request was meant to be sent, waiting for a connection included.
"""

import gc
import selectors
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ml.data.arrays import Ints, Reals
from ml.serving.load.connections import LOST, Address, Connection, Pool

GIVEN_UP = -1  # in place of a status: nobody waits that long
CONNECTIONS = 512
SPIN_SECONDS = 0.002  # the system's timers are no finer than a millisecond: what is due sooner is waited for awake
LEAD_SECONDS = 0.02  # between the call and the first moment

Request = Callable[[int], bytes]
Keep = Callable[[int, bytes], Any]  # status and body: what is worth remembering of an answer


@dataclass(frozen=True)
class Offered:
    """What became of N requests; moments in seconds from the start, NaN where it never happened."""

    intended: Reals  # (N,)
    noticed: Reals  # (N,) when the generator saw that it was due: it should be at once
    sent: Reals  # (N,) when a connection was free for it
    done: Reals  # (N,)
    status: Ints  # (N,) of HTTP, `LOST` or `GIVEN_UP`
    kept: list[Any] = field(repr=False)  # (N,) of answers; None: none
    started: float = 0.0  # the start, by `time.perf_counter`

    @property
    def latency(self) -> Reals:
        """(N,) milliseconds from the intended moment to the answer; NaN: there was none."""
        return 1_000 * (self.done - self.intended)

    @property
    def lag(self) -> Reals:
        """(N,) milliseconds by which the generator itself was late."""
        return 1_000 * (self.noticed - self.intended)


def offer(
    addresses: Sequence[Address], moments: Reals, request: Request, *, keep: Keep | None = None,
    connections: int = CONNECTIONS, patience: float = 10.0, begun: Callable[[], object] | None = None,
) -> Offered:  # fmt: skip
    """Send each request at its moment and wait for the answers.

    Args:
        addresses: Of servers, asked in turn.
        moments: (N,) seconds from the start, ascending.
        request: Makes the bytes of a request of its number.
        keep: What of an answer is worth remembering; None: nothing.
        connections: Most requests under way; more wait, and their waiting counts.
        patience: Seconds after which a request that waits for a connection is given up, and after which, at the end,
            those under way are.
        begun: Called once, `LEAD_SECONDS` before the first moment, when all is ready: it must not take longer.
    """
    pool = Pool(addresses, connections)
    try:
        with _without_collections():
            if begun:
                begun()
            return _Run(pool, moments, request, keep, patience).run()
    finally:
        pool.close()


class _Run:
    def __init__(self, pool: Pool, moments: Reals, request: Request, keep: Keep | None, patience: float) -> None:
        count = len(moments)
        self._pool, self._request, self._keep, self._patience = pool, request, keep, patience
        self._intended = [float(moment) for moment in moments]
        self._noticed, self._sent, self._done = ([float("nan")] * count for _ in range(3))
        self._status: list[int] = [GIVEN_UP] * count
        self._kept: list[Any] = [None] * count
        self._waiting: deque[int] = deque()
        self._next, self._open = 0, count  # the next one due; how many are not settled
        self._start = 0.0

    def run(self) -> Offered:
        self._start = time.perf_counter() + LEAD_SECONDS
        last = self._intended[-1] if self._intended else 0.0
        while self._open and self._now() < last + self._patience:
            self._notice()
            self._send()
            for key, events in self._pool.selector.select(self._timeout()):
                self._progress(key.data, events)
        intended, noticed, sent, done = map(np.array, (self._intended, self._noticed, self._sent, self._done))
        return Offered(intended, noticed, sent, done, np.array(self._status, np.int64), self._kept, self._start)

    def _now(self) -> float:
        return time.perf_counter() - self._start

    def _notice(self) -> None:
        now = self._now()
        while self._next < len(self._intended) and self._intended[self._next] <= now:
            self._noticed[self._next] = now
            self._waiting.append(self._next)
            self._next += 1

    def _send(self) -> None:
        while self._waiting:
            now, number = self._now(), self._waiting[0]
            if now - self._intended[number] > self._patience:
                self._waiting.popleft()
                self._open -= 1
                continue
            connection = self._pool.free()
            if connection is None:
                return
            self._waiting.popleft()
            self._sent[number] = now
            connection.send(number, self._request(number))

    def _timeout(self) -> float:
        if self._next >= len(self._intended):
            return 0.01
        return max(0.0, min(self._intended[self._next] - self._now() - SPIN_SECONDS, 0.1))

    def _progress(self, connection: Connection, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            connection.flush()
        if not events & selectors.EVENT_READ:
            return
        answer = connection.receive()
        if answer is None:
            return
        status, body = answer
        number = connection.request
        if status == LOST:
            self._pool.drop(connection)
        else:
            self._pool.release(connection)
        if number < 0:  # the server closed what was idle
            return
        self._open -= 1
        self._status[number] = status
        if status != LOST:
            self._done[number] = self._now()
            self._kept[number] = self._keep(status, body) if self._keep else None


@contextmanager
def _without_collections() -> Iterator[None]:
    """The generator's own pauses would look like the server's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
