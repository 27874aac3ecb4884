"""What happens now: taken in durably, then known to the store, then acknowledged; read within a set time."""

import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain

from ml.errors import BadInput
from ml.serving.engine.clock import Clock, system_clock
from ml.serving.events import LiveEvent
from ml.serving.online.contract import Store
from ml.serving.online.errors import StoreGone
from ml.serving.online.event_log import EventLog, durable
from ml.serving.online.follower import Follower
from ml.serving.online.guard import Guard
from ml.serving.online.in_flight import InFlight
from ml.serving.online.purge import purge
from ml.serving.online.records import Erase, ForgetErased, ItemTold, Record, line_of
from ml.serving.online.segments import Segment

AHEAD_SECONDS = 300  # how far a client's clock may be ahead of the server's
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Receipt:
    """All events handed in are durable: so many are new, the others were known by their `event_id`."""

    accepted: int
    duplicates: int
    visible: bool  # whether the store knows them already; else it will once it answers


class LiveView:
    """What happened, for reading; every method raises `StoreGone` where the store does not answer in time."""

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._guard = Guard(seconds, watched=not store.embedded)

    def __enter__(self) -> "LiveView":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def versions(self, user_keys: Sequence[str]) -> list[int]:
        """See `Store.versions`."""
        return self._guard(lambda: self._store.versions(user_keys))

    def events_of(self, user_keys: Sequence[str]) -> list[list[LiveEvent]]:
        """See `Store.events_of`."""
        return self._guard(lambda: self._store.events_of(user_keys))

    def since(self, sequence: int, limit: int = 10_000) -> list[tuple[int, LiveEvent]]:
        """See `Store.since`."""
        return self._guard(lambda: self._store.since(sequence, limit))

    def last(self) -> int:
        """See `Store.last`."""
        return self._guard(self._store.last)

    def items_since(self, sequence: int) -> list[tuple[int, str, bytes]]:
        """See `Store.items_since`."""
        return self._guard(lambda: self._store.items_since(sequence))

    def erased(self) -> list[str]:
        """See `Store.erased`."""
        return self._guard(self._store.erased)

    def close(self) -> None:
        """Let go of the store."""
        self._guard.close()
        self._store.close()


class Live(LiveView):
    """The writing side: one process a domain.

    Args:
        log: Where events become durable.
        store: What requests read; follows the log.
        seconds: How long a request waits for the store.
        now: The server's clock, microseconds since 1970 UTC.

    Raises:
        RunFailed: Another log fills the store.
    """

    def __init__(
        self,
        log: EventLog,
        store: Store,
        seconds: float,
        now: Clock = system_clock,
    ) -> None:
        super().__init__(store, seconds)
        self.log, self._now = log, now
        self._in_flight = InFlight()
        self._follower = Follower(log, store)
        self._follower.start()

    def __enter__(self) -> "Live":
        return self

    @property
    def behind(self) -> int:
        """Entries of the log that the store does not have yet."""
        return self._follower.behind

    def accept(self, events: Sequence[LiveEvent]) -> Receipt:
        """Take events in; returns when all are durable and, where the store answers, visible.

        Raises:
            BadInput: An event lies in the future, or holds what is no text or no number; none is taken in.
            NotDurable: The disk does not take them: send them again.
        """
        (outcome,) = self.accept_all([events])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def accept_all(self, calls: Sequence[Sequence[LiveEvent]]) -> list[Receipt | Exception]:
        """Take in the events of several calls, as if one came behind the other, with one write of the log.

        Returns:
            Of each call its receipt or what `accept` raises. Where the write fails, it fails for all of them.
        """
        lines = [self._lines(events) for events in calls]
        good = [events for events, told in zip(calls, lines, strict=True) if not isinstance(told, BadInput)]
        try:
            new, visible = self._kept(list(chain.from_iterable(good)), _first_of_each(lines))
        except Exception as error:  # noqa: BLE001  (told to each who handed something in)
            return [told if isinstance(told, BadInput) else error for told in lines]
        return [
            told if isinstance(told, BadInput) else _receipt(events, new, visible)
            for events, told in zip(calls, lines, strict=True)
        ]

    def put_item(self, item_id: str, told: bytes) -> int:
        """Keep what was told of an item (JSON); returns its sequence number. Raises `NotDurable`."""
        return self._note(ItemTold(item_id, told))

    def erase(self, user_key: str) -> int:
        """Forget a user's events, in every rebuild too; returns the sequence number. Raises `NotDurable`."""
        return self._note(Erase(user_key))

    def forget_erased(self, user_keys: Sequence[str]) -> int:
        """The users are gone from all data too; returns the sequence number. Raises `NotDurable`."""
        return self._note(ForgetErased(tuple(user_keys)))

    def purge(self, user_keys: Sequence[str]) -> int:
        """Take what these erased users did out of the log's files too; returns how many events. Raises `NotDurable`.

        A purged event's id is not known any more once the store is made again.
        """
        self.log.rotate()
        return purge(self.log.folder, user_keys)

    def refill(self) -> None:
        """Make the store again from the log. Raises `StoreGone`."""
        self._follower.refill()

    def closed_segments(self) -> list[Segment]:
        """For landing: segments of the log that never change."""
        return self.log.closed_segments()

    def close(self) -> None:
        """Make durable what is on its way, let the store catch up, and let go of both."""
        self.log.close()
        self._follower.close()
        super().close()

    def _lines(self, events: Sequence[LiveEvent]) -> list[tuple[str, bytes]] | BadInput:
        """(event_id, line) of each; or what is wrong with one of them."""
        latest = self._now() + AHEAD_SECONDS * MICROSECONDS
        try:
            return [(event.event_id, _line(at, event, latest)) for at, event in enumerate(events)]
        except BadInput as error:
            return error

    def _kept(self, events: Sequence[LiveEvent], lines: Mapping[str, bytes]) -> tuple[set[str], bool]:
        """Wait until all are durable.

        Returns:
            Identifiers of those that are new, and whether the store knows them all.
        """
        ticket: Future[int] = Future()
        fresh, others, written = self._in_flight.enter(events, ticket)
        new = self._handed_to_log(fresh, lines, ticket)
        sequence = max(written, durable(ticket, self.log.limits.timeout_seconds))
        for other in others:
            sequence = max(sequence, durable(other, self.log.limits.timeout_seconds))
        return {event.event_id for event in new}, self._follower.wait(sequence, self._seconds)

    def _handed_to_log(
        self, fresh: Sequence[LiveEvent], lines: Mapping[str, bytes], ticket: "Future[int]"
    ) -> Sequence[LiveEvent]:
        """Hand to the log what the store does not know; returns it."""
        new: Sequence[LiveEvent] = ()
        try:
            known = self._known(fresh)
            new = [event for event, is_known in zip(fresh, known, strict=True) if not is_known]
            self._in_flight.leave(event.event_id for event, is_known in zip(fresh, known, strict=True) if is_known)
            if new:
                promised = self.log.submit([lines[event.event_id] for event in new])
                promised.add_done_callback(lambda done: self._settle(done, new, ticket))
            else:
                ticket.set_result(0)
        except BaseException as error:  # noqa: BLE001  (whoever waits for the ticket raises it)
            self._in_flight.leave(event.event_id for event in fresh)
            ticket.set_exception(error)
        return new

    def _known(self, events: Sequence[LiveEvent]) -> list[bool]:
        """Of each, whether the store knows it; where it does not answer, it sorts the double out when it is back."""
        try:
            return self._guard(lambda: self._store.knows([event.event_id for event in events]))
        except StoreGone:
            return [False] * len(events)

    def _settle(self, done: "Future[int]", new: Sequence[LiveEvent], ticket: "Future[int]") -> None:
        """Runs in the log's thread once events are durable, or are not."""
        ids = [event.event_id for event in new]
        if (error := done.exception()) is not None:
            self._in_flight.leave(ids)
            ticket.set_exception(error)
            return
        last = done.result() + len(new) - 1
        self._in_flight.written(ids, last)
        self._follower.durable(done.result(), new)
        ticket.set_result(last)

    def _note(self, record: Record) -> int:
        promised = self.log.submit([line_of(record)])
        promised.add_done_callback(
            lambda done: None if done.exception() else self._follower.durable(done.result(), [record])
        )
        sequence = durable(promised, self.log.limits.timeout_seconds)
        self._follower.wait(sequence, self._seconds)
        return sequence


def _line(at: int, event: LiveEvent, latest: int) -> bytes:
    """The line of an event, the one of its call at that place; raises `BadInput`, also for one after the latest time.

    Times are microseconds since 1970 UTC.
    """
    if event.occurred_at > latest:
        raise BadInput(
            f"events[{at}].occurred_at lies more than {AHEAD_SECONDS // 60} minutes ahead of this server's clock "
            f"(event_id {event.event_id!r}): set the sender's clock, or send seconds as microseconds"
        )
    for name in ("value", "quantity", "seconds", "discount"):
        number = getattr(event, name)
        if number is not None and not math.isfinite(number):
            raise BadInput(f"events[{at}].{name} is {number}: leave out what is not known")
    try:
        return event.line()
    except UnicodeEncodeError:
        raise BadInput(f"events[{at}] holds half a character (a lone surrogate): send valid Unicode") from None


def _first_of_each(lines: Iterable[list[tuple[str, bytes]] | BadInput]) -> dict[str, bytes]:
    """By its identifier, the line of each event, or of the first of several that share one."""
    first: dict[str, bytes] = {}
    for told in lines:
        for event_id, line in () if isinstance(told, BadInput) else told:
            first.setdefault(event_id, line)
    return first


def _receipt(events: Sequence[LiveEvent], new: set[str], visible: bool) -> Receipt:
    """Of one call: it takes what is new in it from what the calls behind it may count as new."""
    accepted = new.intersection(event.event_id for event in events)
    new -= accepted
    return Receipt(len(accepted), len(events) - len(accepted), visible)
