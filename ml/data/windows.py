"""Global time windows, nested: the one place where cut-off instants are computed."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ml.domains import Protocol
from ml.errors import BadInput


@dataclass(frozen=True)
class Windows:
    """Retrievers learn before `t1`; ranker labels [t1, t2); parameters and stopping [t2, t3); test [t3, as_of)."""

    t1: datetime
    t2: datetime
    t3: datetime
    as_of: datetime
    cadence: timedelta

    @classmethod
    def of(cls, as_of: datetime, protocol: Protocol) -> "Windows":
        """The windows that end at `as_of` (aware, UTC)."""
        cadence = timedelta(days=protocol.cadence_days)
        t3 = as_of - protocol.test_cadences * cadence
        t2 = t3 - protocol.validation_cadences * cadence
        return cls(t2 - protocol.ranker_cadences * cadence, t2, t3, as_of, cadence)

    def moments(self, start: datetime, stop: datetime) -> list[datetime]:
        """The starts of the cadences that lie in [start, stop)."""
        return [start + k * self.cadence for k in range((stop - start) // self.cadence)]

    @property
    def snapshots(self) -> list[datetime]:
        """Every instant that needs a feature snapshot, oldest first, `as_of` last."""
        return [*self.moments(self.t1, self.as_of), self.as_of]


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware instant."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


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
