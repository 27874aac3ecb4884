"""Keeps a store at the end of the event log, in the log's order, whatever happens to the store meanwhile."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import TypeVar

from ml.errors import RunFailed
from ml.logs import get_logger
from ml.serving.events import LiveEvent
from ml.serving.online.contract import Store
from ml.serving.online.errors import StoreGone
from ml.serving.online.event_log import EventLog
from ml.serving.online.records import Erase, ForgetErased, ItemTold, Record, events_among, record_of

TOGETHER = 1_000  # entries applied at once: a store across a network answers nobody meanwhile
LOOK_SECONDS = 1.0  # how often a store that nobody writes to is asked whether it still holds its data
RETRY_SECONDS = 0.2  # how long a store that failed is left alone
T = TypeVar("T")
logger = get_logger(__name__)


class Follower:
    """One thread that applies what the log's thread says is durable; reads the log where it fell behind.

    Args:
        log: The truth.
        store: Its follower.
    """

    def __init__(self, log: EventLog, store: Store) -> None:
        self._log, self._store = log, store
        self._ahead: deque[tuple[int, Sequence[Record]]] = deque()
        self._changed = threading.Condition()
        self._working = threading.Lock()
        self._synced = self._ending = False
        self._applied = 0
        self._told = log.last
        self._thread = threading.Thread(target=self._run, name="online-store-follower", daemon=True)

    @property
    def behind(self) -> int:
        """Entries of the log that the store does not have yet."""
        return max(0, self._log.last - self._applied)

    def start(self) -> None:
        """Catch up where the store answers, then follow. Raises `RunFailed` where another log fills the store."""
        try:
            self._attempt()
        except StoreGone as error:
            logger.warning("%s: events are kept in the log until it answers", error)
        self._thread.start()

    def durable(self, first: int, records: Sequence[Record]) -> None:
        """Records became durable, the first with this sequence number; called in the order of the log."""
        with self._changed:
            self._told = first + len(records) - 1
            if self._synced:  # else they are read from the log
                self._ahead.append((first, records))
            self._changed.notify_all()

    def wait(self, sequence: int, seconds: float) -> bool:
        """Whether the store comes to hold a sequence number in time; a store that is away is not waited for."""
        with self._changed:
            self._changed.wait_for(lambda: self._applied >= sequence or not self._synced, seconds)
            return self._applied >= sequence

    def refill(self) -> None:
        """Empty the store and fill it from the log. Raises `StoreGone` where it does not answer."""
        with self._working:
            self._fall_behind()
            self._store.clear()
            self._catch_up()

    def close(self) -> None:
        """Apply what is durable, where the store answers, and stop."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(10)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._ahead or self._ending, LOOK_SECONDS if self._synced else RETRY_SECONDS
                )
                ending = self._ending
            try:
                self._attempt()
            except RunFailed as error:
                if self._synced:
                    logger.warning("%s: events are kept in the log until it answers", error)
                self._fall_behind()
            except Exception:  # the log has it all: nothing may end this thread
                if self._synced:
                    logger.exception("the online store could not follow the event log: it is tried again")
                self._fall_behind()
            if ending:
                return

    def _attempt(self) -> None:
        with self._working:
            if self._synced and not self._ahead and self._store.filled_by() != self._log.identity:
                logger.warning("the online store has lost its data: it is filled again from the event log")
                self._fall_behind()
            if not self._synced:
                self._catch_up()
            self._take_ahead()

    def _catch_up(self) -> None:
        """Apply what the log has behind the store's end."""
        filled = self._claim()
        self._advance(self._store.last())
        while True:
            for chunk in _chunks(self._log.read(self._applied), TOGETHER):
                self._apply(chunk[0][0], [record_of(line) for _, line in chunk])
            with self._changed:
                if self._applied >= self._told:
                    self._ahead.clear()
                    self._synced = True
                    break
        if not filled:
            self._store.mark_filled()

    def _claim(self) -> bool:
        """Become the one who fills the store; returns whether it is filled."""
        holder = self._store.claim(self._log.identity)
        if holder != self._log.identity:
            raise RunFailed(
                f"the online store is filled from another event log ({holder}): give this one another store or "
                "another SLATE_HOME, or empty the store where that log is no more"
            )
        if self._store.last() > self._log.last:
            logger.warning("the online store is ahead of its event log: it is made again")
            self._store.clear()
            self._store.claim(self._log.identity)
        return self._store.filled_by() is not None

    def _take_ahead(self) -> None:
        while self._ahead:
            with self._changed:
                together = list(_up_to(self._ahead, TOGETHER))
            records = [record for _, some in together for record in some]
            skipped = self._applied + 1 - together[0][0]  # what catching up read from the log already
            if len(records) > skipped:
                self._apply(together[0][0] + skipped, records[skipped:])
            with self._changed:
                for _ in together:
                    self._ahead.popleft()

    def _apply(self, first: int, records: Sequence[Record]) -> None:
        for kind, run in groupby(records, key=type):
            some = list(run)
            if kind is LiveEvent:
                self._store.apply(events_among(some), at=first)
                first += len(some)
                continue
            for record in some:
                apply_note(self._store, record, first)
                first += 1
        self._advance(first - 1)

    def _advance(self, applied: int) -> None:
        with self._changed:
            self._applied = applied
            self._changed.notify_all()

    def _fall_behind(self) -> None:
        with self._changed:
            self._synced = False
            self._ahead.clear()
            self._changed.notify_all()


def apply_note(store: Store, record: Record, at: int) -> None:
    """Let a store follow what is no event."""
    match record:
        case Erase(user):
            store.erase(user, at=at)
        case ItemTold(item_id, told):
            store.put_item(item_id, told, at=at)
        case ForgetErased(users):
            store.forget_erased(users, at=at)
        case _:
            store.forget_erased((), at=at)  # nothing but the number


def _chunks(found: Iterable[T], size: int) -> Iterator[list[T]]:
    entries = iter(found)
    while chunk := list(islice(entries, size)):
        yield chunk


def _up_to(batches: Iterable[tuple[int, Sequence[Record]]], entries: int) -> Iterator[tuple[int, Sequence[Record]]]:
    """The first batches that have so many entries together, at least one."""
    taken = 0
    for batch in batches:
        if taken and taken + len(batch[1]) > entries:
            return
        taken += len(batch[1])
        yield batch
