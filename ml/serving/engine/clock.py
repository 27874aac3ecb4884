"""What time it is for slates: the system's, or that of historic data which goes on from where it ended."""

import time
from collections.abc import Callable
from typing import Literal

Clock = Callable[[], int]  # microseconds since 1970 UTC
ClockName = Literal["system", "data"]


def system_clock() -> int:
    """Now."""
    return time.time_ns() // 1_000


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
