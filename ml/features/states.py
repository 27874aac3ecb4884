"""The small states that features are kept in: each takes events in any order and finishes at any later instant.

A state is plain data that JSON can hold, so that any store will do. Times are microseconds since 1970 UTC.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

DAY = 86_400_000_000  # microseconds
Buckets = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Clock:
    """The source's days, which begin at an hour of their own."""

    day_starts_at_hour: int = 0

    def day(self, at: int) -> int:
        """Number of the day in which an instant lies."""
        return (at - self.day_starts_at_hour * DAY // 24) // DAY


class Mark(NamedTuple):
    """What one event says to one feature: when, and a number to add (negative to take it back) or a text."""

    at: int
    event_id: str
    amount: Any


class Aggregation(Protocol):
    """How one feature's state takes an event in, and what it is worth at an instant."""

    def add(self, state: Any, mark: Mark, /) -> Any:
        """The state with one more event; None is the state before any."""

    def finish(self, state: Any, moment: int, /) -> Any:
        """The value at an instant that is later than every event."""


@dataclass(frozen=True)
class Total:
    """A sum over all time; the state is the sum."""

    def add(self, state: float | None, mark: Mark, /) -> float:
        """One number more."""
        return (state or 0.0) + float(mark.amount)

    def finish(self, state: float | None, _moment: int, /) -> float:
        """The sum."""
        return state or 0.0


@dataclass(frozen=True)
class Window:
    """A sum over the day so far and the `days` whole days before it; the state is (day, sum) pairs.

    Days that no later instant can reach are dropped, so that at most `days` + 1 are kept.
    """

    days: int
    clock: Clock

    def add(self, state: Buckets | None, mark: Mark, /) -> Buckets:
        """One number more in the bucket of its day."""
        buckets, day = dict(state or ()), self.clock.day(mark.at)
        buckets[day] = buckets.get(day, 0.0) + mark.amount
        newest = max(buckets)
        return tuple((each, total) for each, total in buckets.items() if each >= newest - self.days)

    def finish(self, state: Buckets | None, moment: int, /) -> float:
        """The sum of the buckets that the window reaches."""
        first = self.clock.day(moment) - self.days
        return sum((total for day, total in state or () if day >= first), 0.0)


@dataclass(frozen=True)
class Decay:
    """A sum in which every event is worth half after `half_life` microseconds; the state is (sum, as of when)."""

    half_life: float

    def add(self, state: tuple[float, int] | None, mark: Mark, /) -> tuple[float, int]:
        """One number more, with the sum brought to the later of the two times."""
        total, known = state or (0.0, mark.at)
        now = max(known, mark.at)
        return total * self._left(now - known) + mark.amount * self._left(now - mark.at), now

    def finish(self, state: tuple[float, int] | None, moment: int, /) -> float:
        """The sum brought to the instant."""
        return state[0] * self._left(moment - state[1]) if state else 0.0

    def _left(self, age: int) -> float:
        return float(2.0 ** (-age / self.half_life))


@dataclass(frozen=True)
class Extent:
    """The first and the last time; finishes as days from one of them to the instant, or between them."""

    measure: Literal["days_since_first", "days_since_last", "span"]

    def add(self, state: tuple[int, int] | None, mark: Mark, /) -> tuple[int, int]:
        """One time more."""
        first, last = state or (mark.at, mark.at)
        return min(first, mark.at), max(last, mark.at)

    def finish(self, state: tuple[int, int] | None, moment: int, /) -> float | None:
        """The days; None before any event."""
        if state is None:
            return None
        first, last = state
        micros = {"days_since_first": moment - first, "days_since_last": moment - last, "span": last - first}
        return micros[self.measure] / DAY


@dataclass(frozen=True)
class Latest:
    """The text of the last event that has any; the state is (time, event_id, text)."""

    def add(self, state: tuple[int, str, str] | None, mark: Mark, /) -> tuple[int, str, str] | None:
        """One text more; of the same instant, the greatest event_id stays, by its bytes, as in DuckDB."""
        if mark.amount is None or (state and (mark.at, mark.event_id.encode()) < (state[0], state[1].encode())):
            return state
        return (mark.at, mark.event_id, mark.amount)

    def finish(self, state: tuple[int, str, str] | None, _moment: int, /) -> str | None:
        """The text."""
        return state[2] if state else None
