"""Compiled inner loop of putting each request's candidates into the ranker's order."""

import numba
import numpy as np

from ml.data.arrays import Floats, Indices, Ints


def _order(
    offsets: Ints, item: Indices, score: Floats, rank: Floats, found: Indices, values: Floats, sources: Ints
) -> None:
    """Write the K best-scored candidates of each request, ties by item number.

    Args:
        offsets: (R + 1,) where each request's candidates begin.
        item: (N,).
        score: (N,) by the ranker.
        rank: (N, T) at each retriever; NaN: it did not find the candidate.
        found: (R, K) written: items; -1 on entry and beyond a request's candidates.
        values: (R, K) written: scores.
        sources: (R, K) written: bit t: found by retriever t.
    """
    for row in range(len(offsets) - 1):
        first, stop = offsets[row], offsets[row + 1]
        by_item = np.arange(stop - first)
        for at in range(first + 1, stop):
            if item[at] < item[at - 1]:  # as merging never leaves them
                by_item = np.argsort(item[first:stop])
                break
        order = by_item[np.argsort(-score[first:stop][by_item], kind="mergesort")]
        for place in range(min(len(order), found.shape[1])):
            at = first + order[place]
            found[row, place], values[row, place] = item[at], score[at]
            for number in range(rank.shape[1]):
                if np.isfinite(rank[at, number]):
                    sources[row, place] |= 1 << number


order = numba.njit(cache=True)(_order)
