"""What time it is for slates: the system's, or that of historic data which goes on from where it ended."""

import time
from collections.abc import Callable
from typing import Literal

Clock = Callable[[], int]  # microseconds since 1970 UTC
ClockName = Literal["system", "data"]


class SystemClock:
    """The system's time, which goes on where somebody sets it back.

    Events would else be refused as if they lay ahead, and what just happened would not count before its moment came
    again. A process that begins later takes the time as it is then.
    """

    def __init__(self) -> None:
        self._ahead: int | None = None  # nanoseconds by which the time is ahead of the monotonic clock

    def __call__(self) -> int:
        """Microseconds since 1970 UTC; it never goes back."""
        ahead = time.time_ns() - time.monotonic_ns()  # in this order: a pause between the two makes it less, not more
        if self._ahead is None or ahead > self._ahead:
            self._ahead = ahead
        return (self._ahead + time.monotonic_ns()) // 1_000


system_clock = SystemClock()  # one for all: what it said to one domain stands for every other


class DataClock:
    """Now is the instant up to which the data are known, and goes on from there.

    Historic data would otherwise be years old: every window empty, everything decayed to nothing.
    """

    def __init__(self, as_of: int = 0) -> None:
        self._as_of, self._since = as_of, time.monotonic_ns()

    def __call__(self) -> int:
        """Microseconds since 1970 UTC; it never goes back."""
        return self._as_of + (time.monotonic_ns() - self._since) // 1_000

    def reach(self, as_of: int) -> None:
        """Data that end later have come: it is that late at least."""
        if as_of > self():
            self._as_of, self._since = as_of, time.monotonic_ns()
