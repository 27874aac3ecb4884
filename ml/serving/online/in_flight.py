"""Which events are on their way: from being handed in until the store knows them.

An event handed in twice within that time waits for the first to be durable, and is not written again.
"""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from ml.serving.events import LiveEvent
from ml.serving.online.contract import key_digest

REMEMBERED = 1_000_000  # events that a store which is away for long may lag by before the earliest are not held here


class InFlight:
    """Used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets: dict[bytes, Future[int]] = {}
        self._written: deque[tuple[int, list[bytes]]] = deque()

    def enter(self, events: Sequence[LiveEvent], ticket: "Future[int]") -> tuple[list[LiveEvent], "set[Future[int]]"]:
        """(events that nobody handed in, each once; what to wait for on behalf of the others)."""
        fresh, others = [], set()
        with self._lock:
            for event in events:
                held = self._tickets.setdefault(key_digest(event.event_id), ticket)
                if held is not ticket:
                    others.add(held)
        own: set[str] = set()
        for event in events:
            if event.event_id not in own and self._tickets.get(key_digest(event.event_id)) is ticket:
                fresh.append(event)
                own.add(event.event_id)
        return fresh, others

    def leave(self, event_ids: Iterable[str]) -> None:
        """They were not written, or the store knows them."""
        with self._lock:
            for event_id in event_ids:
                self._tickets.pop(key_digest(event_id), None)

    def written(self, last: int, event_ids: Iterable[str]) -> None:
        """They are durable; the last has this sequence number."""
        with self._lock:
            self._written.append((last, [key_digest(each) for each in event_ids]))
            if len(self._tickets) > REMEMBERED:
                self._forget()

    def applied(self, upto: int) -> None:
        """The store knows everything up to a sequence number."""
        with self._lock:
            while self._written and self._written[0][0] <= upto:
                self._forget()

    def _forget(self) -> None:
        for each in self._written.popleft()[1]:
            self._tickets.pop(each, None)
