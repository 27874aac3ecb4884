"""How often users buy again what they bought: from it follows when an item is due."""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Floats, Indices, Ints, Reals, distinct
from ml.data.facts import DAY_US
from ml.data.occurrences import Occurrences


@dataclass(frozen=True)
class Intervals:
    """The usual days between two times that a user bought an item, for each pair that occurred."""

    keys: Ints  # (P,) ascending: user * items + item
    days: Floats  # (P,) of this user, else of this item; NaN: nobody bought it twice
    items: int

    @classmethod
    def none(cls) -> "Intervals":
        """Nobody bought anything."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.float32), 1)

    @classmethod
    def of(cls, bought: Occurrences, items: int) -> "Intervals":
        """Of all that was bought of a catalogue of so many items; two times on one instant are one.

        The usual interval of a user is (last - first) / (n - 1), that of an item the mean of its users'.
        """
        if not len(bought):
            return cls.none()
        key = bought.user.astype(np.int64) * items + bought.item  # ascending, and by time within
        new = np.r_[True, (np.diff(key) != 0) | (np.diff(bought.at) != 0)]
        key, at = key[new], bought.at[new]
        keys = distinct(key)
        first, stop = np.searchsorted(key, keys), np.searchsorted(key, keys, side="right")
        times, own = stop - first, np.full(len(keys), np.nan)
        np.divide((at[stop - 1] - at[first]) / DAY_US, times - 1, out=own, where=times > 1)
        return cls(keys, _usual(own, keys % items, items), items)

    def at(self, user: Indices, item: Indices) -> Floats:
        """(R, C) the usual days of R users with C items each; NaN where none are known.

        Items that came after the intervals were reckoned have none.
        """
        if not len(self.keys):
            return np.full(item.shape, np.nan, np.float32)
        wanted = user[:, None].astype(np.int64) * self.items + item
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        found = (self.keys[place] == wanted) & (user[:, None] >= 0) & (item >= 0) & (item < self.items)
        return np.where(found, self.days[place], np.float32(np.nan))


def _usual(own: Reals, item: Ints, items: int) -> Floats:
    """(P,) the user's own interval, else the item's."""
    known = np.isfinite(own)
    count = np.bincount(item[known], minlength=items)
    total = np.bincount(item[known], weights=own[known], minlength=items)
    usual = np.divide(total, count, where=count > 0, out=np.full(items, np.nan))
    return np.where(known, own, usual[item]).astype(np.float32)
