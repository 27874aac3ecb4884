"""What time it is for slates: the system's, or that of historic data which goes on from where it ended."""

import time
from collections.abc import Callable
from typing import Literal

Clock = Callable[[], int]  # microseconds since 1970 UTC
ClockName = Literal["system", "data"]


def system_clock() -> int:
    """Now."""
    return time.time_ns() // 1_000


def data_clock(as_of: int) -> Clock:
    """Now is the instant up to which the data are known, and goes on from there.

    Historic data would otherwise be years old: every window empty, everything decayed to nothing.
    """
    started = time.monotonic_ns()
    return lambda: as_of + (time.monotonic_ns() - started) // 1_000
