"""The highest rate that a server holds."""

from collections.abc import Callable
from math import sqrt


def find_saturation(
    holds: Callable[[float], bool], *, start: float, highest: float, precision: float = 0.05, least: float = 1.0
) -> float:
    """The highest rate that holds, found by doubling (or halving) and bisecting; 0: not even the least did.

    Args:
        holds: Tries a rate (requests a second). It should be true up to some rate and false above.
        start: Tried first.
        highest: Nothing above is tried.
        precision: The answer is at most this share below a rate that does not hold.
        least: Nothing below is tried.
    """
    low, high = 0.0, min(start, highest)
    while holds(high):
        low = high
        if high >= highest:
            return highest
        high = min(2 * high, highest)
    while low == 0.0:
        if high <= least:
            return 0.0
        rate = max(high / 2, least)
        low, high = (rate, high) if holds(rate) else (0.0, rate)
    while high / low > 1 + precision:
        middle = sqrt(low * high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
