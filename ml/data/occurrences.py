"""When some event last happened between a user and an item: what rules about refusals and declines ask."""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Indices, Ints, take_ranges

NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Occurrences:
    """N events of one type, ordered by user, item, then time."""

    user: Indices
    item: Indices
    at: Ints  # microseconds since 1970 UTC

    @classmethod
    def none(cls) -> "Occurrences":
        """It never happened."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int64))

    @classmethod
    def of_events(cls, user: Indices, item: Indices, at: Ints) -> "Occurrences":
        """These events, in any order; those of no known user or item (-1) are left out."""
        known = np.flatnonzero((user >= 0) & (item >= 0))
        order = known[np.lexsort((at[known], item[known], user[known]))]
        return cls(user[order], item[order], at[order])

    def __len__(self) -> int:
        return len(self.user)

    def where(self, keep: Bools) -> "Occurrences":
        """Those that a mask keeps."""
        return Occurrences(self.user[keep], self.item[keep], self.at[keep])

    def before(self, moment: int) -> "Occurrences":
        """Those strictly before an instant."""
        return self.where(self.at < moment)

    def last(self, user: Indices, item: Indices, moment: Ints, group: Indices | None = None) -> Ints:
        """When it last happened strictly before the moments; `NEVER` where it had not.

        Args:
            user: (R,) rows of the user vocabulary; -1: unknown, to whom nothing happened.
            item: (R, C) or, the same for all, (1, C) columns of the item vocabulary; -1: none.
            moment: (R,) microseconds since 1970 UTC.
            group: (items,) a number from 0 of each item: events with any item of the same number count.

        Returns:
            (R, C) microseconds since 1970 UTC.
        """
        found = np.full((len(user), item.shape[1]), NEVER)
        row, what, at = self._earlier(np.asarray(user), np.asarray(moment))
        if not len(row) or not item.size:
            return found
        asked = item if group is None else np.where(item >= 0, group[item], -1)
        what = what if group is None else group[what]
        width = max(int(what.max()), int(asked.max())) + 1
        key, last = _latest(row.astype(np.int64) * width + what, at)
        rows = np.unique(row)
        wanted = rows[:, None] * width + (asked if len(asked) == 1 else asked[rows])
        place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        there = (key[place] == wanted) & ((item if len(item) == 1 else item[rows]) >= 0)
        found[rows] = np.where(there, last[place], NEVER)
        return found

    def _earlier(self, user: Indices, moment: Ints) -> tuple[Ints, Indices, Ints]:
        """Request, item and time of every event of R users before their moments."""
        first, stop = np.searchsorted(self.user, [user, user + 1])
        offsets, events = take_ranges(first, np.where(user >= 0, stop, first))
        row = np.repeat(np.arange(len(user)), np.diff(offsets))
        earlier = self.at[events] < moment[row]
        return row[earlier], self.item[events[earlier]], self.at[events[earlier]]


def _latest(key: Ints, at: Ints) -> tuple[Ints, Ints]:
    """The distinct keys in ascending order, and the latest time of each."""
    order = np.lexsort((at, key))
    key, at = key[order], at[order]
    final = np.r_[key[1:] != key[:-1], True]
    return key[final], at[final]
