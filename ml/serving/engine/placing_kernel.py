"""Compiled inner loop of putting together what several retrievers found for one request."""

import numba
import numpy as np

from ml.data.arrays import Floats, Indices, Ints


def _place(
    item: Indices, score: Floats, exclude: Indices, to_item: Indices, to_score: Floats, row: int, start: int, stop: int
) -> int:
    """Write what was found, in its order and without what is left out, to columns of one row; returns how many it is.

    Args:
        item: (K,) of different items, -1 behind the last.
        score: (K,) of them.
        exclude: Items, ascending.
        to_item: (R, Q) written, in `row` from column `start` up to `stop`; so is to_score.
    """
    count = start
    for at in range(len(item)):
        if count == stop or item[at] < 0:
            break
        if len(exclude) > 0:
            where = np.searchsorted(exclude, item[at])
            if where < len(exclude) and exclude[where] == item[at]:
                continue
        to_item[row, count], to_score[row, count], count = item[at], score[at], count + 1
    return count - start


def _place_all(
    item: Indices, score: Floats, end: Ints, exclude: Indices, to_item: Indices, to_score: Floats, row: int,
    start: Ints, stop: Ints,
) -> int:  # fmt: skip
    """Write what T retrievers found, one behind the other and each up to its `end`, to columns of their own.

    Returns:
        A bit for each whose columns are not full.
    """
    short, begin = 0, 0
    for at in range(len(end)):
        part = slice(begin, end[at])
        count = place(item[part], score[part], exclude, to_item, to_score, row, start[at], stop[at])
        if count < stop[at] - start[at]:
            short |= 1 << at
        begin = end[at]
    return short


place = numba.njit(cache=True)(_place)
place_all = numba.njit(cache=True)(_place_all)
