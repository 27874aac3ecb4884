"""Time in cadences: how many have passed between an event and the moment of a request."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Floats, Ints
from ml.data.windows import from_micros, later, to_micros
from ml.domains import Protocol

MONTHS_A_YEAR, DAYS_A_YEAR = 12, 365.25


@dataclass(frozen=True)
class Clock:
    """Counts back from any moment in the cadences of a protocol: a calendar month, or so many days."""

    protocol: Protocol

    @property
    def year(self) -> int:
        """The cadences of about a year."""
        if self.protocol.cadence_months is not None:
            return round(MONTHS_A_YEAR / self.protocol.cadence_months)
        return round(DAYS_A_YEAR / self.protocol.cadence_days)

    def earlier(self, moment: int, cadences: int) -> int:
        """The instant (microseconds since 1970 UTC) so many cadences before a moment."""
        return to_micros(later(from_micros(moment), -cadences, self.protocol))

    def passed(self, at: Ints, moment: Ints, most: int) -> Ints:
        """(N,) whole cadences from each instant to its moment, 0 within the last one; `most` where there are more."""
        found = np.zeros(len(at), np.int64)
        for number, rows in _by_value(moment):
            starts = np.array([self.earlier(number, back) for back in range(most, 0, -1)])
            found[rows] = most - np.searchsorted(starts, at[rows], side="right")
        return found

    def each(self, moment: Ints, of_one: Callable[[int], Floats], shape: tuple[int, ...]) -> Floats:
        """(N, …) what a function says of each moment; it is asked once a distinct moment."""
        found = np.zeros((len(moment), *shape), np.float32)
        for number, rows in _by_value(moment):
            found[rows] = of_one(number)
        return found


def _by_value(moment: Ints) -> list[tuple[int, Ints]]:
    """Each distinct moment with the positions where it stands."""
    moments, which = np.unique(moment, return_inverse=True)
    order = np.argsort(which, kind="stable")
    stops = np.searchsorted(which[order], np.arange(len(moments) + 1))
    return [(int(each), order[stops[n] : stops[n + 1]]) for n, each in enumerate(moments)]
