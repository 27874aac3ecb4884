"""Compiled parts of the ranker's inputs: each writes its columns of a frame, from column `at` on.

Legend: N candidates of R requests, side by side; the candidates of request r are `offsets[r]` to `offsets[r + 1]`.
`values` (N, F) is written. What is not known is NaN.
"""

import numba
import numpy as np

from ml.data.arrays import Floats, Indices, Ints


def _of_requests(values: Floats, at: int, offsets: Ints, told: Floats) -> None:
    """What is told of each request (R, G), the same for all its candidates."""
    for row in range(len(offsets) - 1):
        for place in range(offsets[row], offsets[row + 1]):
            for column in range(told.shape[1]):
                values[place, at + column] = told[row, column]


def _of_items(values: Floats, at: int, item: Indices, told: Floats) -> None:
    """What is told of items (I, G)."""
    for place in range(len(item)):
        known = item[place] >= 0 and len(told) > 0
        for column in range(told.shape[1]):
            values[place, at + column] = told[item[place], column] if known else np.nan


def _of_pairs(
    values: Floats, at: int, offsets: Ints, left: Indices, right: Indices, keys: Ints, width: int, told: Floats,
    missing: float,
) -> None:  # fmt: skip
    """What is told (K, G) of pairs of a request's `left` (R,) and a candidate's `right` (N,).

    Args:
        values: Written; see above for it, `at` and `offsets`.
        left: -1: none.
        right: -1: none; beyond `width`: one that came later.
        keys: (K,) left * width + right, ascending.
        width: More than any `right` among the keys.
        told: A row a key.
        missing: What stands where nothing is told, or where what is told is NaN.
    """
    for row in range(len(offsets) - 1):
        own = np.int64(left[row])
        first, stop = np.searchsorted(keys, own * width), np.searchsorted(keys, (own + 1) * width)
        for place in range(offsets[row], offsets[row + 1]):
            wanted, low, high = own * width + right[place], first, stop
            while low < high:
                middle = (low + high) // 2
                if keys[middle] < wanted:
                    low = middle + 1
                else:
                    high = middle
            there = low < stop and keys[low] == wanted and own >= 0 and 0 <= right[place] < width
            for column in range(told.shape[1]):
                found = told[low, column] if there else np.nan
                values[place, at + column] = missing if np.isnan(found) else found


def _of_holdings(values: Floats, at: int, offsets: Ints, item: Indices, starts: Ints, had: Indices) -> None:
    """How many items each request has, and whether the candidate is one of them: request r has `had[starts[r]:…]`."""
    for row in range(len(offsets) - 1):
        first, stop = starts[row], starts[row + 1]
        for place in range(offsets[row], offsets[row + 1]):
            found = False
            for other in range(first, stop):
                found = found or had[other] == item[place]
            values[place, at], values[place, at + 1] = stop - first, found


def _of_session(values: Floats, at: int, offsets: Ints, item: Indices, starts: Ints, session: Indices) -> None:
    """The length of the session, how often the candidate occurs in it, and how many steps ago it did last."""
    for row in range(len(offsets) - 1):
        first, stop = starts[row], starts[row + 1]
        for place in range(offsets[row], offsets[row + 1]):
            count, latest = 0, 0
            for step in range(first, stop):
                if session[step] == item[place]:
                    count, latest = count + 1, step
            values[place, at] = stop - first
            values[place, at + 1] = count if count else np.nan
            values[place, at + 2] = stop - latest if count else np.nan


def _of_retrievers(values: Floats, at: int, score: Floats, rank: Floats) -> None:
    """The score and the rank that each of T retrievers gave (N, T), and how many of them found the candidate."""
    retrievers = score.shape[1]
    for place in range(len(score)):
        found = 0
        for number in range(retrievers):
            values[place, at + number] = score[place, number]
            values[place, at + retrievers + number] = rank[place, number]
            found += np.isfinite(rank[place, number])
        values[place, at + 2 * retrievers] = found


of_requests = numba.njit(cache=True)(_of_requests)
of_items = numba.njit(cache=True)(_of_items)
of_pairs = numba.njit(cache=True)(_of_pairs)
of_holdings = numba.njit(cache=True)(_of_holdings)
of_session = numba.njit(cache=True)(_of_session)
of_retrievers = numba.njit(cache=True)(_of_retrievers)
