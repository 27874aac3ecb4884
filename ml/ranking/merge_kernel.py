"""Compiled inner loop of merging what T retrievers found for each request."""

import numba
import numpy as np

from ml.data.arrays import Floats, Indices, Ints, Reals


def _distinct(found: Indices, place: Floats, slot: Indices, told: Indices, best: Reals) -> int:
    """Write the distinct items of one request (Q,) and the best rank of each; returns how many there are."""
    count = 0
    for column in range(len(found)):
        item = found[column]
        if item < 0:
            continue
        if slot[item] < 0:
            slot[item], told[count], best[count] = count, item, np.inf
            count += 1
        best[slot[item]] = min(best[slot[item]], place[column])
    for number in range(count):
        slot[told[number]] = -1
    return count


def _kept(told: Indices, best: Reals, maximum: int) -> Indices:
    """Those with the best ranks, ties by item, at most so many; ascending."""
    if len(told) <= maximum:
        return np.sort(told)
    by_item = np.argsort(told)
    order = by_item[np.argsort(best[by_item], kind="mergesort")]
    return np.sort(told[order[:maximum]])


def _merge(
    found: Indices, said: Floats, source: Ints, place: Floats, width: int, maximum: int,
    counts: Ints, item: Indices, score: Floats, rank: Floats,
) -> None:  # fmt: skip
    """Write each request's distinct items, ascending, with what every retriever said of them, one request after another.

    Args:
        found: (R, Q) items that the retrievers found, side by side; -1: none.
        said: (R, Q) their scores.
        source: (Q,) which retriever each column is of.
        place: (Q,) rank from 0 of each column.
        width: More than the highest item.
        maximum: Items kept of each request: those with the best rank at any retriever, ties by item.
        counts: (R,) written: items of each request.
        item: (N,) written; so are score and rank (N, T), which hold NaN on entry.
    """
    slot = np.full(width, -1, np.int32)  # where an item of the request at hand stands
    told, best, end = np.empty(found.shape[1], np.int32), np.empty(found.shape[1], np.float64), 0
    for row in range(len(found)):
        count = distinct(found[row], place, slot, told, best)
        chosen = kept(told[:count], best[:count], maximum)
        for number in range(len(chosen)):
            slot[chosen[number]], item[end + number] = end + number, chosen[number]
        for column in range(found.shape[1]):
            at = slot[found[row, column]] if found[row, column] >= 0 else -1
            if at >= 0:
                score[at, source[column]], rank[at, source[column]] = said[row, column], place[column]
        for number in range(len(chosen)):
            slot[chosen[number]] = -1
        counts[row] = len(chosen)
        end += len(chosen)


distinct = numba.njit(cache=True)(_distinct)
kept = numba.njit(cache=True)(_kept)
merge = numba.njit(cache=True)(_merge)
