"""From a shop's log and a request to visits over the items that have a vector.

Shapes: R requests, N events, V items that have a vector.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ml.data.arrays import Bools, Indices, Ints, Ragged
from ml.data.dataset import Log
from ml.data.requests import History, Requests
from ml.retrieval.classifiers.clock import Clock
from ml.retrieval.history import sessions_since
from ml.sessions.hrnn_retriever.visits import Visits

CURRENT = np.iinfo(np.int32).max  # the number of every current session: no session of a log has it
LONGEST = 120  # cadences; what is older is one session


@dataclass(frozen=True)
class Reader:
    """What is read of a log or a request; fixed once the model is fitted."""

    known: Indices  # (V,) items that have a vector, ascending
    items: int  # of the whole catalogue
    sets: bool  # whether the shop's sessions are sets (till receipts), not sequences (clicks)
    sessions: int  # latest sessions that are read
    steps: int  # latest steps of a session that are read
    clock: Clock | None = None  # where all events of a cadence are one session; None: as the log parts them

    @cached_property
    def number(self) -> Indices:
        """(items,) the 1-based number of each item among those that have a vector; 0: it has none."""
        number = np.zeros(self.items, np.int32)
        number[self.known] = np.arange(1, len(self.known) + 1)
        return number

    @classmethod
    def of(cls, log: Log, *, minimum_count: int, sessions: int, steps: int, clock: Clock | None = None) -> "Reader":
        """The reader of a shop with this log."""
        known = np.flatnonzero(np.bincount(log.item, minlength=log.items) >= minimum_count)
        return cls(known.astype(np.int32), log.items, _are_sets(log), sessions, steps, clock)

    def log(self, log: Log, as_of: int) -> Visits:
        """All sessions of each user; cadences are counted back from an instant (microseconds since 1970 UTC)."""
        parted = self._parted(log.history(), np.full(log.users, as_of, np.int64))
        history, kept = self._numbered(parted)
        return Visits.of(history, log.target[kept]).latest_steps(self.steps)

    def requests(self, requests: Requests) -> tuple[Visits, Bools]:
        """The latest sessions before the current one, then the current one, and (R,) whether there is one.

        A current session says no times: it is one step where the shop's sessions are sets, else a step an item.
        """
        past = self._past(requests)
        session, _ = self._numbered(_as_history(requests, sets=self.sets))
        visits = Visits.of(_joined(past, session)).latest_steps(self.steps)
        return visits, np.diff(session.offsets) > 0

    def _past(self, requests: Requests) -> History:
        """The latest sessions of each request, without the current one."""
        history = requests.history
        stops = history.offsets[1:] - np.where(_holds_session(requests), requests.session.lengths, 0)
        history, _ = self._numbered(self._parted(history.cut(history.offsets[:-1], stops), requests.moment))
        recent = sessions_since(history) < self.sessions
        stops = history.offsets[1:]
        return history.cut(stops - np.bincount(history.rows[recent], minlength=len(history)), stops)

    def _parted(self, history: History, moment: Ints) -> History:
        """The same events in the sessions that are read: their own, or cadences back from the moments (R,)."""
        if self.clock is None:
            return history
        ago = self.clock.passed(history.at, moment[history.rows], LONGEST)
        return replace(history, session=(-ago).astype(np.int32))

    def _numbered(self, history: History) -> tuple[History, Ints]:
        """The events with items that have a vector, by their 1-based number, and which events these are."""
        item = self.number[history.item]
        kept = np.flatnonzero(item)
        offsets = np.searchsorted(kept, history.offsets).astype(np.int64)
        return History(offsets, item[kept], history.at[kept], history.session[kept], history.weight[kept]), kept


def _are_sets(log: Log) -> bool:
    """Whether most sessions of several events happened at one instant."""
    session, row, events = np.unique(log.session, return_inverse=True, return_counts=True)
    first, last = np.full(len(session), np.iinfo(np.int64).max), np.full(len(session), np.iinfo(np.int64).min)
    np.minimum.at(first, row, log.at)
    np.maximum.at(last, row, log.at)
    several = events > 1
    return bool(np.mean(first[several] == last[several]) > 0.5) if several.any() else False


def _holds_session(requests: Requests) -> Bools:
    """(R,) whether the history ends with the items of the current session, in whatever order."""
    history, session = requests.history, requests.session
    fits = np.diff(history.offsets) >= session.lengths
    size = np.where(fits, session.lengths, 0)
    tail = history.cut(history.offsets[1:] - size, history.offsets[1:]).items
    width = int(max(tail.values.max(initial=0), session.values.max(initial=0))) + 1
    found = np.sort(tail.rows * width + tail.values)
    expected = np.sort((session.rows * width + session.values)[fits[session.rows]])
    differs = np.bincount(found[found != expected] // width, minlength=len(session)) > 0
    return fits & ~differs


def _as_history(requests: Requests, *, sets: bool) -> History:
    """The current sessions as histories after all that came before."""
    session = requests.session
    rows = session.rows
    place = np.zeros(len(rows), np.int64) if sets else np.arange(len(rows)) - session.offsets[rows]
    return History(
        session.offsets, session.values, requests.moment[rows] + place, np.full(len(rows), CURRENT, np.int32),
        np.ones(len(rows), np.float32),
    )  # fmt: skip


def _joined(first: History, second: History) -> History:
    """Each row's events of both, one after the other."""
    order = np.argsort(np.r_[first.rows, second.rows], kind="stable")
    joined = Ragged(first.offsets + second.offsets, np.r_[first.item, second.item][order])
    columns = {name: np.r_[getattr(first, name), getattr(second, name)][order] for name in ("at", "session", "weight")}
    return replace(first, offsets=joined.offsets, item=joined.values, **columns)
