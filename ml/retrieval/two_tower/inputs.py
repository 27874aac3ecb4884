"""What the towers read, as arrays: a request's recent history and an item's recent popularity.

Everything is computed from the events before the request's own moment, in training and in serving alike. The
snapshots' user features are left out on purpose: as of t1 they would tell an earlier training request its future.

Shapes: B requests, H history length, F request features, P popularity features.
"""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints
from ml.data.dataset import Dataset, Log
from ml.data.requests import History, Requests

DAY = 86_400_000_000  # microseconds
# No clock and no calendar: with less than two years of training, the time of year only names the cadence.
REQUEST_FEATURES = (
    "log_events", "log_sessions", "log_session_size", "log_days_since_last", "log_days_since_first", "log_recent_events",
)  # fmt: skip
RECENT_DAYS = 28
POPULARITY_HALF_LIVES = (0.4, 1.0, 4.0, 16.0)  # cadences
POPULARITY_FEATURES = len(POPULARITY_HALF_LIVES) + 2


def cadence_of(dataset: Dataset) -> int:
    """Microseconds of one cadence of the dataset's windows."""
    return round(dataset.windows.cadence.total_seconds() * 1_000_000)


@dataclass(frozen=True)
class Views:
    """B requests as ranges of one long history, so that no event is copied."""

    base: History  # its own offsets are not used
    starts: Ints  # (B,)
    stops: Ints  # (B,)
    moment: Ints  # (B,) microseconds
    place: Indices  # (B,)
    sessions: Ints  # (B,) in the history

    @classmethod
    def of(cls, base: History, starts: Ints, stops: Ints, moment: Ints, place: Indices) -> "Views":
        """The requests whose histories are the ranges [starts, stops) of `base`."""
        begun = np.cumsum(np.diff(base.session, prepend=-1) != 0, dtype=np.int64)
        known = stops > starts
        first, last = np.where(known, starts, 0), np.where(known, stops - 1, 0)
        sessions = np.where(known, begun[last] - begun[first] + 1, 0) if len(begun) else np.zeros_like(starts)
        return cls(base, starts, stops, moment, place, sessions)

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, rows: Ints) -> "Views":
        """These requests, in this order."""
        return Views(
            self.base, self.starts[rows], self.stops[rows], self.moment[rows], self.place[rows], self.sessions[rows]
        )


@dataclass(frozen=True)
class Window:
    """The latest events of B requests, newest first."""

    item: Indices  # (B, H); 0 where there is none
    valid: Bools  # (B, H)
    age: Floats  # (B, H) days
    weight: Floats  # (B, H)
    latest: Bools  # (B, H) of the current session, or of the last one where none has begun
    ahead: Ints  # (B,) events of the current session that the history does not hold


def views_of(requests: Requests) -> Views:
    """The requests' own histories as ranges."""
    history = requests.history
    return Views.of(history, history.offsets[:-1], history.offsets[1:], requests.moment, requests.place)


def window_of(views: Views, length: int) -> Window:
    """The latest `length` events of each request."""
    base, nothing = views.base, np.zeros(len(views), np.int64)
    if not len(base.item):
        empty = np.zeros((len(views), length), np.float32)
        return Window(empty.astype(np.int32), empty.astype(bool), empty, empty, empty.astype(bool), nothing)
    at = views.stops[:, None] - 1 - np.arange(length)  # (B, H)
    valid = at >= views.starts[:, None]
    at = np.where(valid, at, 0)
    age = np.where(valid, (views.moment[:, None] - base.at[at]) / DAY, 0).astype(np.float32)
    latest = valid & (base.session[at] == base.session[at[:, :1]])
    return Window(np.where(valid, base.item[at], 0), valid, age, np.where(valid, base.weight[at], 0), latest, nothing)


def with_session(window: Window, requests: Requests) -> Window:
    """Put the current session before the history, for those requests whose history does not end with it yet."""
    length = window.item.shape[1]
    sizes = np.minimum(requests.session.lengths, length)
    if not sizes.any():
        return window
    at = requests.session.offsets[1:, None] - 1 - np.arange(length)
    inside = np.arange(length) < sizes[:, None]
    item = np.where(inside, requests.session.values[np.where(inside, at, 0)], 0)  # (B, H)
    known = np.all(~inside | (window.valid & (item == window.item)), axis=1)
    shift = np.where(known, 0, sizes)[:, None]
    new = np.arange(length) < shift
    from_history = np.maximum(np.arange(length) - shift, 0)

    def merged(session: np.ndarray | float | bool, history: np.ndarray) -> np.ndarray:
        return np.where(new, session, np.take_along_axis(history, from_history, axis=1)).astype(history.dtype)

    return Window(
        merged(item, window.item), merged(True, window.valid), merged(0.0, window.age),
        merged(1.0, window.weight), merged(True, window.latest & (shift == 0)), shift[:, 0],
    )  # fmt: skip


def request_features(views: Views, window: Window) -> Floats:
    """(B, F) what the history and the current session say about the request as a whole; see `REQUEST_FEATURES`."""
    ahead = window.ahead
    events, sessions = views.stops - views.starts + ahead, views.sessions + (ahead > 0)
    size = events / np.maximum(sessions, 1)
    since_last = np.where(ahead > 0, 0, _days_since(views, views.stops - 1))
    recent = (window.valid & (window.age < RECENT_DAYS)).sum(1)
    found = np.stack([events, sessions, size, since_last, _days_since(views, views.starts), recent], axis=1)
    features: Floats = np.log1p(found).astype(np.float32)
    return features


def _days_since(views: Views, at: Ints) -> Floats:
    """(B,) days from the event at these positions to the moment; 0 for an empty history."""
    known = views.stops > views.starts
    if not known.any():
        return np.zeros(len(views), np.float32)
    days: Floats = np.where(known, (views.moment - views.base.at[np.where(known, at, 0)]) / DAY, 0).astype(np.float32)
    return days


def popularity(log: Log, moments: Ints, cadence: int) -> Floats:
    """(M, items, P) how much each item was taken before each moment.

    Log counts of the last cadence and under exponential decay, and whether it was ever taken.

    Args:
        log: Any events; those at or after a moment do not count for it.
        moments: (M,) microseconds, increasing.
        cadence: Microseconds.
    """
    period = np.searchsorted(moments, log.at, side="right")  # events of period p are first seen at moments[p]
    rates = 0.5 ** (1 / np.array(POPULARITY_HALF_LIVES))  # (L,) decay over one cadence
    decayed = np.zeros((len(rates), log.items))
    ever = np.zeros(log.items, bool)
    found = np.zeros((len(moments), log.items, POPULARITY_FEATURES), np.float32)
    for number, moment in enumerate(moments):
        here = np.flatnonzero(period == number)
        item, age = log.item[here], (moment - log.at[here]) / cadence
        fresh = np.stack([np.bincount(item, rate**age, log.items) for rate in rates])
        passed = (moment - moments[number - 1]) / cadence if number else 0.0
        decayed = decayed * rates[:, None] ** passed + fresh
        ever |= np.bincount(item, minlength=log.items) > 0
        last = np.bincount(item[age <= 1], minlength=log.items)
        found[number] = np.concatenate([np.log1p(last)[None], np.log1p(decayed), ever[None]]).T
    return found
