"""Compiled inner loop of merging what T retrievers found for each request."""

import numba
import numpy as np

from ml.data.arrays import Floats, Indices, Ints, Reals


def _place(item: int, keys: Indices) -> int:
    """Where an item stands in a table of a power of two of places, or may be put (open addressing)."""
    mask = len(keys) - 1
    at = (item * 0x9E3779B1 >> 12) & mask
    while keys[at] >= 0 and keys[at] != item:
        at = (at + 1) & mask
    return at


def _kept(told: Indices, best: Reals, maximum: int) -> Indices:
    """Those with the best ranks, ties by item, at most so many; ascending."""
    if len(told) <= maximum:
        return np.sort(told)
    by_item = np.argsort(told)
    order = by_item[np.argsort(best[by_item], kind="mergesort")]
    return np.sort(told[order[:maximum]])


def _merge(
    found: Indices, said: Floats, source: Ints, place: Floats, maximum: int,
    offsets: Ints, item: Indices, score: Floats, rank: Floats,
) -> None:  # fmt: skip
    """Write each request's distinct items, ascending, with what every retriever said of them, one request after another.

    Args:
        found: (R, Q) items that the retrievers found, side by side; -1: none.
        said: (R, Q) their scores.
        source: (Q,) which retriever each column is of.
        place: (Q,) rank from 0 of each column.
        maximum: Items kept of each request: those with the best rank at any retriever, ties by item.
        offsets: (R + 1,) written: where each request's items begin; 0 on entry.
        item: (N,) written; so are score and rank (N, T), NaN where a retriever did not find the item.
    """
    columns, size = found.shape[1], 2
    while size < 2 * columns:
        size *= 2
    keys, number = np.empty(size, np.int32), np.empty(size, np.int32)  # of the items of the request at hand
    at, told, best = np.empty(columns, np.int32), np.empty(columns, np.int32), np.empty(columns)
    for row in range(len(found)):
        keys[:], count, start = -1, 0, offsets[row]
        for column in range(columns):
            if found[row, column] < 0:
                continue
            at[column] = position(found[row, column], keys)
            if keys[at[column]] < 0:
                keys[at[column]], number[at[column]] = found[row, column], count
                told[count], best[count] = found[row, column], np.inf
                count += 1
            best[number[at[column]]] = min(best[number[at[column]]], place[column])
        chosen = kept(told[:count], best[:count], maximum)
        number[:] = -1
        for each in range(len(chosen)):
            number[position(chosen[each], keys)], item[start + each] = start + each, chosen[each]
            score[start + each], rank[start + each] = np.nan, np.nan
        for column in range(columns):
            to = number[at[column]] if found[row, column] >= 0 else -1
            if to >= 0:
                score[to, source[column]], rank[to, source[column]] = said[row, column], place[column]
        offsets[row + 1] = start + len(chosen)


position = numba.njit(cache=True)(_place)
kept = numba.njit(cache=True)(_kept)
merge = numba.njit(cache=True)(_merge)
