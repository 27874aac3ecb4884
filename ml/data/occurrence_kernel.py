"""Compiled inner loop of looking up when something last happened."""

import numba
import numpy as np

from ml.data.arrays import Indices, Ints


def _latest(
    user: Indices, item: Indices, at: Ints, group: Indices, asking: Indices, asked: Indices, moment: Ints, found: Ints
) -> None:
    """Write the time of the last event of each request's user with what each of its candidates stands for.

    Args:
        user: (N,) of events ordered by user; so are item and at.
        item: (N,).
        at: (N,) microseconds since 1970 UTC.
        group: (items,) a number from 0 of each item, for which it stands; without any, each item is its own.
        asking: (R,) users; -1: nobody.
        asked: (R, C) or, the same for all, (1, C) items; -1: none.
        moment: (R,) only what happened before counts.
        found: (R, C) written where there is an event; the least of all times on entry.
    """
    for row in range(len(asking)):
        first = np.searchsorted(user, asking[row])
        stop = np.searchsorted(user, asking[row] + 1)
        if asking[row] < 0 or first == stop:
            continue
        what, when = item[first:stop], at[first:stop]
        if len(group):
            what = group[what]
        order = np.argsort(what, kind="mergesort")
        what, when = what[order], when[order]
        items = asked[row if len(asked) > 1 else 0]
        for column in range(len(items)):
            if items[column] < 0:
                continue
            wanted = group[items[column]] if len(group) else items[column]
            event = np.searchsorted(what, wanted)
            while event < len(what) and what[event] == wanted:
                if when[event] < moment[row]:
                    found[row, column] = max(found[row, column], when[event])
                event += 1


latest = numba.njit(cache=True)(_latest)
