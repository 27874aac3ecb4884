"""Which events were handed in lately: an event that comes twice waits for the first and is not written again.

So doubles are known while the store is away too; those of long ago the store knows.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from ml.serving.events import LiveEvent
from ml.serving.online.contract import key_digest

REMEMBERED = 100_000  # events, about 15 MB
Ticket = Future[int]  # the sequence number up to which the log has to be durable


class InFlight:
    """Used by many threads."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._lock = threading.Lock()
        self._tickets: dict[bytes, Ticket] = {}  # of those that are being written
        # Sequence numbers of those that were, the first ones first.
        self._written: OrderedDict[bytes, int] = OrderedDict()
        self._remembered = remembered

    def enter(self, events: Sequence[LiveEvent], ticket: Ticket) -> tuple[list[LiveEvent], set[Ticket], int]:
        """Note that some events are handed in.

        Returns:
            Those that nobody handed in lately, each once; what to wait for where others are being written; and the last
            sequence number of those that were written, 0 where none was.
        """
        fresh, others, last = [], set(), 0
        digests = [key_digest(event.event_id) for event in events]
        with self._lock:
            for event, digest in zip(events, digests, strict=True):
                last = max(last, self._written.get(digest, 0))
                held = self._tickets.get(digest)
                if held is not None and held is not ticket:
                    others.add(held)
                elif held is None and digest not in self._written:
                    self._tickets[digest] = ticket
                    fresh.append(event)
        return fresh, others, last

    def leave(self, event_ids: Iterable[str]) -> None:
        """They were not written, or the store knows them."""
        with self._lock:
            for event_id in event_ids:
                self._tickets.pop(key_digest(event_id), None)

    def written(self, event_ids: Iterable[str], last: int) -> None:
        """They are durable, all up to a sequence number."""
        with self._lock:
            for digest in map(key_digest, event_ids):
                self._tickets.pop(digest, None)
                self._written[digest] = last
            while len(self._written) > self._remembered:
                self._written.popitem(last=False)
