"""Compiled parts that the counting models share: a query's scores in one dense buffer, and what is read from it.

A buffer is all zeros between queries; `touched[:count]` lists the items that a query scored above zero.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np

from ml.data.arrays import Floats, Indices, Ints, Ragged
from ml.retrieval.contract import Ranking

CHUNK = 512  # queries that a thread answers at a time

jit: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(cache=True, nogil=True)


@jit
def worse(score: float, item: int, other_score: float, other_item: int) -> bool:
    """Whether an item comes after another in a ranking: a lower score, or the same and a higher number."""
    return score < other_score or (score == other_score and item > other_item)


@jit
def sift_down(item: Indices, score: Floats, start: int, size: int) -> None:
    """Restore the heap (its worst entry at the root) below `start`."""
    at = start
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and worse(score[child + 1], item[child + 1], score[child], item[child]):
            child += 1
        if not worse(score[child], item[child], score[at], item[at]):
            return
        item[at], item[child] = item[child], item[at]
        score[at], score[child] = score[child], score[at]
        at = child


@jit
def take_best(buffer: Floats, touched: Indices, count: int, item: Indices, score: Floats) -> None:
    """Write the best of the touched items to `item` and `score` (K,), best first; -1 and -inf where there are fewer."""
    item[:], score[:] = -1, -np.inf
    size = min(len(item), count)
    for at in range(size):
        item[at], score[at] = touched[at], buffer[touched[at]]
    for at in range(size // 2 - 1, -1, -1):
        sift_down(item, score, at, size)
    for at in range(size, count):
        found = touched[at]
        if worse(score[0], item[0], buffer[found], found):
            item[0], score[0] = found, buffer[found]
            sift_down(item, score, 0, size)
    for last in range(size - 1, 0, -1):  # heap sort: the worst goes to the end
        item[0], item[last] = item[last], item[0]
        score[0], score[last] = score[last], score[0]
        sift_down(item, score, 0, last)


@jit
def clear(buffer: Floats, touched: Indices, count: int) -> None:
    """Make the buffer all zeros again."""
    for at in range(count):
        buffer[touched[at]] = 0


def rank_in_threads(answer: Callable[[int, int, Indices, Floats], None], rows: int, k: int, threads: int) -> Ranking:
    """The rankings that `answer(start, stop, item, score)` writes for each chunk of queries."""
    item, score = np.empty((rows, k), np.int32), np.empty((rows, k), np.float32)
    in_chunks(lambda start, stop: answer(start, stop, item[start:stop], score[start:stop]), rows, threads)
    return Ranking(item, score)


def score_in_threads(
    answer: Callable[[int, int, Ints, Indices, Floats], None], candidates: Ragged, threads: int
) -> Floats:
    """(N,) the scores that `answer(start, stop, offsets, values, score)` writes for each chunk of queries."""
    score = np.zeros(len(candidates.values), np.float32)

    def part(start: int, stop: int) -> None:
        answer(start, stop, candidates.offsets[start : stop + 1], candidates.values, score)

    in_chunks(part, len(candidates), threads)
    return score


def in_chunks(answer: Callable[[int, int], None], rows: int, threads: int) -> None:
    """Call `answer(start, stop)` for consecutive chunks of rows, several at a time."""
    starts = range(0, rows, CHUNK)
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(answer, start, min(start + CHUNK, rows)) for start in starts]:
            done.result()
