"""When some event last happened between a user and an item: what rules about refusals and declines ask."""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Indices, Ints

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
        from ml.data.occurrence_kernel import latest

        found = np.full((len(user), item.shape[1]), NEVER)
        if len(self):
            numbers = np.zeros(0, np.int32) if group is None else group
            latest(self.user, self.item, self.at, numbers, np.asarray(user), item, np.asarray(moment), found)
        return found
