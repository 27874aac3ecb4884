"""Which events were handed in lately: an event that comes twice waits for the first and is not written again.

So doubles are known while the store is away too; those of long ago the store knows.
"""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from ml.serving.events import LiveEvent
from ml.serving.online.contract import key_digest

REMEMBERED = 100_000  # events, about 15 MB


class InFlight:
    """Used by many threads."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._lock = threading.Lock()
        self._tickets: dict[bytes, Future[int]] = {}
        self._written: deque[bytes] = deque()
        self._remembered = remembered

    def enter(self, events: Sequence[LiveEvent], ticket: "Future[int]") -> tuple[list[LiveEvent], set["Future[int]"]]:
        """(events that nobody handed in lately, each once; what to wait for on behalf of the others)."""
        fresh, others = [], set()
        digests = [key_digest(event.event_id) for event in events]
        with self._lock:
            for event, digest in zip(events, digests, strict=True):
                held = self._tickets.get(digest)
                if held is None:
                    self._tickets[digest] = ticket
                    fresh.append(event)
                elif held is not ticket:
                    others.add(held)
        return fresh, others

    def leave(self, event_ids: Iterable[str]) -> None:
        """They were not written, or the store knows them."""
        with self._lock:
            for event_id in event_ids:
                self._tickets.pop(key_digest(event_id), None)

    def written(self, event_ids: Iterable[str]) -> None:
        """They are durable."""
        with self._lock:
            self._written.extend(map(key_digest, event_ids))
            while len(self._written) > self._remembered:
                self._tickets.pop(self._written.popleft(), None)
