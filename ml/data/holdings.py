"""What users have: spans of time between the events that begin a holding and those that end it."""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Indices, Ints, Ragged, take_ranges

FOREVER = np.iinfo(np.int64).max


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

    def before(self, moment: int) -> "Holdings":
        """What was known of them strictly before an instant."""
        known = self.since < moment
        until = np.where(self.until < moment, self.until, FOREVER)
        return Holdings(self.user[known], self.item[known], self.since[known], until[known])

    def at(self, user: Indices, moment: Ints) -> Ragged:
        """What each of R users had just before R moments, a row a request; nobody (-1) has nothing."""
        first, stop = np.searchsorted(self.user, [user, np.asarray(user) + 1])
        offsets, spans = take_ranges(first, np.where(np.asarray(user) >= 0, stop, first))
        row = np.repeat(np.arange(len(user)), np.diff(offsets))
        asked = np.asarray(moment)[row]
        held = (self.since[spans] < asked) & (self.until[spans] >= asked)
        return Ragged.from_pairs(row[held], self.item[spans[held]], len(user))
