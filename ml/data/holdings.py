"""What users have: spans of time between the events that begin a holding and those that end it."""

from dataclasses import dataclass, replace

import numpy as np

from ml.data.arrays import Bools, Indices, Ints, Ragged, between, take_ranges, taken

FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Spans:
    """What each of R users had up to a moment of their own: N spans, a request's side by side."""

    offsets: Ints  # (R + 1,)
    item: Indices  # (N,)
    since: Ints  # (N,) microseconds since 1970 UTC
    until: Ints  # (N,) of its end, `FOREVER` where it had not ended by then

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def rows(self) -> Ints:
        """(N,) the request of each span."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def take(self, rows: Ints) -> "Spans":
        """The spans of these requests, in this order."""
        offsets, at = taken(self.offsets[rows], self.offsets[np.asarray(rows) + 1])
        return self.pick(offsets, at)

    def between(self, start: int, stop: int) -> "Spans":
        """The spans of the requests from `start` up to `stop`: a view."""
        return self.pick(*between(self.offsets, start, stop))

    def pick(self, offsets: Ints, positions: Ints | Bools | slice) -> "Spans":
        """The spans at these positions (or of this mask), cut into requests at `offsets`."""
        return Spans(offsets, self.item[positions], self.since[positions], self.until[positions])


@dataclass(frozen=True)
class Holdings:
    """H spans in which a user had an item, ordered by user."""

    user: Indices
    item: Indices
    since: Ints  # microseconds since 1970 UTC of the event that began it
    until: Ints  # of the event that ended it; `FOREVER` where none did

    @classmethod
    def none(cls) -> "Holdings":
        """Nobody has anything."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64))

    @classmethod
    def of_events(cls, user: Indices, item: Indices, at: Ints, begins: Bools) -> "Holdings":
        """The spans that these N events begin and end, in any order of events.

        To begin what is held, or to end what is not, changes nothing. Of one instant the beginning comes last, so
        that what was given up and taken anew at once is held.
        """
        order = np.lexsort((begins, at, item, user))
        user, item, at, begins = user[order], item[order], at[order], begins[order]
        same = np.r_[False, (user[1:] == user[:-1]) & (item[1:] == item[:-1])] if len(user) else np.zeros(0, bool)
        before = np.r_[False, begins[:-1]] & same
        kept = begins != before
        user, item, at, begins = user[kept], item[kept], at[kept], begins[kept]
        ended = np.r_[~begins[1:], False] if len(user) else np.zeros(0, bool)
        until = np.where(ended, np.r_[at[1:], 0][: len(at)], FOREVER)
        return cls(user[begins], item[begins], at[begins], until[begins])

    def where(self, keep: Bools) -> "Holdings":
        """The spans that a mask keeps."""
        return Holdings(self.user[keep], self.item[keep], self.since[keep], self.until[keep])

    def before(self, moment: int) -> "Holdings":
        """What was known of them strictly before an instant."""
        known = replace(self, until=np.where(self.until < moment, self.until, FOREVER))
        return known.where(self.since < moment)

    def at(self, user: Indices, moment: Ints) -> Ragged:
        """What each of R users had just before R moments, a row a request; nobody (-1) has nothing."""
        spans = self.spans(user, moment)
        held = spans.until == FOREVER
        return Ragged.from_pairs(spans.rows[held], spans.item[held], len(user))

    def spans(self, user: Indices, moment: Ints) -> Spans:
        """What was known strictly before R moments of what R users have and had; nobody (-1) had anything."""
        first, stop = np.searchsorted(self.user, [user, np.asarray(user) + 1])
        offsets, at = take_ranges(first, np.where(np.asarray(user) >= 0, stop, first))
        row = np.repeat(np.arange(len(user)), np.diff(offsets))
        asked = np.asarray(moment)[row]
        known = self.since[at] < asked
        until = np.where(self.until[at] < asked, self.until[at], FOREVER)
        counts = np.bincount(row[known], minlength=len(user))
        offsets = np.r_[0, np.cumsum(counts)].astype(np.int64)
        return Spans(offsets, self.item[at[known]], self.since[at[known]], until[known])
