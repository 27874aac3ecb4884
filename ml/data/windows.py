"""Global time windows, nested: the one place where cut-off instants are computed."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from ml.domains import Protocol
from ml.errors import BadInput


@dataclass(frozen=True)
class Windows:
    """Retrievers learn before `t1`; ranker labels [t1, t2); parameters and stopping [t2, t3); test [t3, as_of)."""

    t1: datetime
    t2: datetime
    t3: datetime
    as_of: datetime
    protocol: Protocol

    @classmethod
    def of(cls, as_of: datetime, protocol: Protocol) -> "Windows":
        """The windows that end at `as_of` (aware, UTC)."""
        t3 = later(as_of, -protocol.test_cadences, protocol)
        t2 = later(as_of, -protocol.test_cadences - protocol.validation_cadences, protocol)
        t1 = later(as_of, 1 - protocol.snapshots, protocol)
        return cls(t1, t2, t3, as_of, protocol)

    def cadences(self, start: datetime, stop: datetime) -> list[tuple[datetime, datetime]]:
        """The cadences [begin, end) that lie in [start, stop), counted back from the as-of instant."""
        ends = [self.as_of]
        while ends[-1] > start:
            ends.append(later(self.as_of, -len(ends), self.protocol))
        spans = list(pairwise(reversed(ends)))
        return [(begin, end) for begin, end in spans if begin >= start and end <= stop]

    @property
    def cadence(self) -> timedelta:
        """The length of the last cadence; months differ by up to three days."""
        return self.as_of - later(self.as_of, -1, self.protocol)

    def end_of(self, begin: datetime) -> datetime:
        """The end of the cadence that begins at this instant."""
        (span,) = self.cadences(begin, later(begin, 1, self.protocol))
        return span[1]

    def moments(self, start: datetime, stop: datetime) -> list[datetime]:
        """The starts of the cadences that lie in [start, stop)."""
        return [begin for begin, _ in self.cadences(start, stop)]

    @property
    def snapshots(self) -> list[datetime]:
        """Every instant that needs a feature snapshot, oldest first, `as_of` last."""
        return [*self.moments(self.t1, self.as_of), self.as_of]


def later(moment: datetime, cadences: int, protocol: Protocol) -> datetime:
    """The instant so many cadences later.

    A month later is the end of the day of the same number: of May 28's end, the end of February 28, whatever day
    follows it. Where a month has no such day it is the month's last one.
    """
    if protocol.cadence_months is None:
        return moment + cadences * timedelta(days=protocol.cadence_days)
    day = moment - timedelta(days=1)
    month = day.year * 12 + day.month - 1 + cadences * protocol.cadence_months
    year, number = month // 12, month % 12 + 1
    return day.replace(year=year, month=number, day=min(day.day, monthrange(year, number)[1])) + timedelta(days=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware instant."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def from_micros(moment: int) -> datetime:
    """The aware instant (UTC) of microseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)


def parse_as_of(text: str, protocol: Protocol) -> datetime:
    """An as-of instant from an ISO date (the start of that day at the source) or an ISO timestamp (UTC)."""
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, protocol.day_starts_at_hour, tzinfo=UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            f"as-of {text!r} is neither a date (2018-01-01) nor a timestamp (2018-01-01T05:00:00Z)"
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def default_as_of(last_event: datetime, protocol: Protocol) -> datetime:
    """The end of the source's day in which the last event lies."""
    start = last_event.replace(hour=protocol.day_starts_at_hour, minute=0, second=0, microsecond=0)
    return start if start > last_event else start + timedelta(days=1)
