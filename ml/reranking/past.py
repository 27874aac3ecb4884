"""What users did lately that leaves an item out: when they last bought it, how often they do, when they declined it."""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Floats, Indices, Ints, Reals, distinct
from ml.data.occurrences import Occurrences

DAY_US = 86_400_000_000
NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class PairTable:
    """One row a (user, item) that occurred, by its last time."""

    keys: Ints  # (P,) ascending: user * items + item
    last: Ints  # (P,) microseconds since 1970 UTC
    interval: Floats  # (P,) usual days between two times of this user, else of this item; NaN: nobody did it twice
    items: int

    @classmethod
    def of(cls, told: Occurrences, moment: int, items: int) -> "PairTable":
        """What occurred strictly before an instant, of a catalogue of so many items.

        Two times on one instant are one. The usual interval of an item is the mean of those of its users.
        """
        known = (told.at < moment) & (told.user >= 0) & (told.item >= 0)
        key = told.user[known].astype(np.int64) * items + told.item[known]
        order = np.lexsort((told.at[known], key))
        key, at = key[order], told.at[known][order]
        new = np.r_[True, (key[1:] != key[:-1]) | (at[1:] != at[:-1])][: len(key)]
        key, at = key[new], at[new]
        keys = distinct(key)
        first, stop = np.searchsorted(key, keys), np.searchsorted(key, keys, side="right")
        times = stop - first
        last = at[stop - 1] if len(key) else at
        own = np.divide((last - at[first]) / DAY_US if len(key) else times, times - 1, where=times > 1,
                        out=np.full(len(keys), np.nan))  # fmt: skip
        return cls(keys, last, _usual(own, keys % max(items, 1), items), items)

    def at(self, user: Indices, item: Indices) -> tuple[Ints, Floats]:
        """When each of these pairs last occurred (`NEVER`), and the usual interval in days; of the shape of `item`."""
        never = np.full(item.shape, NEVER, np.int64), np.full(item.shape, np.nan, np.float32)
        if not len(self.keys):
            return never
        wanted = user.astype(np.int64) * self.items + item
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        found = (self.keys[place] == wanted) & (user >= 0) & (item >= 0)
        return np.where(found, self.last[place], never[0]), np.where(found, self.interval[place], never[1])


def _usual(own: Reals, item: Ints, items: int) -> Floats:
    """(P,) the user's own interval, else the item's."""
    known = np.isfinite(own)
    count = np.bincount(item[known], minlength=items)
    total = np.bincount(item[known], weights=own[known], minlength=items)
    usual = np.divide(total, count, where=count > 0, out=np.full(items, np.nan))
    return np.where(known, own, usual[item]).astype(np.float32)


@dataclass(frozen=True)
class Past:
    """What re-ranking knows of what users did."""

    bought: PairTable
    declined: PairTable
