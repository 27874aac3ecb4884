"""Sessions as arrays, and the cases that are asked of a model: a prefix, and what was taken next.

Shapes: S sessions, N clicks of all sessions, C cases, I items of the catalogue.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints, Ragged, take_ranges
from ml.searched import Searched

UNKNOWN = -1  # the number of a user or target that training never saw
# See `Sessions.decay_rate`. At four times the span next to nothing decays: there 0, which means never, has its place.
HalfLife = Annotated[float, Searched(0.02, 4, log=True, never=0)]


@dataclass(frozen=True)
class Sessions:
    """S sessions, oldest first, each a sequence of items."""

    clicks: Ragged  # (S) rows of item numbers in the order in which they were taken
    at: Floats  # (S,) days of each session's last click; thousands of sessions where the source knows no time
    user: Ints  # (S,) user numbers; UNKNOWN: nobody known
    items: int  # I

    def __len__(self) -> int:
        return len(self.clicks)

    def take(self, rows: Ints) -> "Sessions":
        """These sessions, in this order."""
        return Sessions(self.clicks.take(rows), self.at[rows], self.user[rows], self.items)

    def split(self, share: float) -> tuple["Sessions", "Sessions"]:
        """The older sessions, and the latest `share` of them (at least one on each side where there are two)."""
        if len(self) < 2:
            raise ValueError("one session cannot be split: there must be two")
        cut = min(max(round(len(self) * (1 - share)), 1), len(self) - 1)
        return self.take(np.arange(cut)), self.take(np.arange(cut, len(self)))

    def digest(self) -> str:
        """Identifies these sessions by all their numbers."""
        found = sha256(str(self.items).encode())
        for array in (self.clicks.offsets, self.clicks.values, self.at, self.user):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    def decay_rate(self, half_life: float) -> float:
        """Per unit of `at`, such that exp(-rate · age) halves once per half-life.

        Args:
            half_life: A share of the time from the first session to the last, so that one value suits shops of
                any clock; 0: no decay.
        """
        span = float(self.at.max(initial=0) - self.at.min(initial=np.inf)) if len(self) else 0.0
        return float(np.log(2) / (half_life * span)) if half_life and span else 0.0

    def recency(self, half_life: float) -> Floats:
        """(S,) what a session weighs, 1 for the latest, by `decay_rate`."""
        age = self.at.max(initial=0) - self.at
        weight: Floats = np.exp(-self.decay_rate(half_life) * age).astype(np.float32)
        return weight

    @property
    def counts(self) -> Ints:
        """(I,) clicks of each item."""
        return np.bincount(self.clicks.values, minlength=self.items)


@dataclass(frozen=True)
class Queries:
    """C prefixes that ask for what comes next."""

    prefix: Ragged  # (C) rows of item numbers, the latest last; an empty one is asked of a session just begun
    at: Floats  # (C,) in the units of `Sessions.at`
    user: Ints  # (C,)

    def __len__(self) -> int:
        return len(self.prefix)

    def take(self, rows: Ints) -> "Queries":
        """These queries, in this order."""
        return Queries(self.prefix.take(rows), self.at[rows], self.user[rows])


@dataclass(frozen=True)
class Cases:
    """Queries whose answer is known."""

    queries: Queries
    target: Ints  # (C,) UNKNOWN: an item that training never saw, which nobody can find
    session: Ints  # (C,) the session that each case is of

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Ints) -> "Cases":
        """These cases, in this order."""
        return Cases(self.queries.take(rows), self.target[rows], self.session[rows])


def next_click_cases(sessions: Sessions, longest: int) -> Cases:
    """Each click but a session's first is a case; its prefix is what came before, the latest `longest` of it."""
    clicks = sessions.clicks
    position = np.arange(len(clicks.values)) - clicks.offsets[clicks.rows]
    target = np.flatnonzero(position > 0)  # (C,) places among the clicks
    session = clicks.rows[target]
    offsets, places = take_ranges(np.maximum(clicks.offsets[session], target - longest), target)
    queries = Queries(Ragged(offsets, clicks.values[places]), sessions.at[session], sessions.user[session])
    return Cases(queries, clicks.values[target].astype(np.int64), session)


def latest(clicks: Ragged, longest: int) -> Ragged:
    """The latest `longest` values of each row."""
    offsets, places = take_ranges(np.maximum(clicks.offsets[:-1], clicks.offsets[1:] - longest), clicks.offsets[1:])
    return Ragged(offsets, clicks.values[places])


def without(clicks: Ragged, dropped: Bools) -> Ragged:
    """The rows without the values (N,) that are marked; a row may become empty."""
    kept = ~dropped
    return Ragged.from_pairs(clicks.rows[kept], clicks.values[kept], len(clicks))


def last_items(prefix: Ragged) -> Indices:
    """(C,) the latest item of each prefix; UNKNOWN for an empty one."""
    found = np.full(len(prefix), UNKNOWN, np.int32)
    filled = prefix.lengths > 0
    found[filled] = prefix.values[prefix.offsets[1:][filled] - 1]
    return found
