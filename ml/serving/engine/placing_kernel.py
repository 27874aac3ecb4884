"""Compiled inner loop of putting together what several retrievers found for one request."""

import numba
import numpy as np

from ml.data.arrays import Floats, Indices


def _place(
    item: Indices, score: Floats, exclude: Indices, to_item: Indices, to_score: Floats, row: int, start: int, stop: int
) -> int:
    """Write what was found, in its order and without what is left out, to columns of one row; returns how many it is.

    Args:
        item: (K,) of different items.
        score: (K,) of them.
        exclude: Items, ascending.
        to_item: (R, Q) written, in `row` from column `start` up to `stop`; so is to_score.
    """
    count = start
    for at in range(len(item)):
        if count == stop:
            break
        if len(exclude) > 0:
            where = np.searchsorted(exclude, item[at])
            if where < len(exclude) and exclude[where] == item[at]:
                continue
        to_item[row, count], to_score[row, count], count = item[at], score[at], count + 1
    return count - start


place = numba.njit(cache=True)(_place)
