"""Compiled inner loops: what numpy and scipy cannot do without large intermediate matrices."""

import numba
import numpy as np

from ml.data.arrays import Floats, Indices, Ints

HELD = 4  # times K: so many contenders are held before the worse of them are dropped
BLOCK = 64  # scores compared with the bound at once
BINS = 256  # into which scores are parted to find the K-th best


def _multiply(
    left_start: Indices, left_column: Indices, left_value: Floats,
    right_start: Indices, right_column: Indices, right_value: Floats, out: Floats,
) -> None:  # fmt: skip
    """Write the product of two CSR matrices of values above zero to `out` (rows, columns), -inf for what is zero."""
    # Unsigned positions spare the test for negative ones, which costs more than the sum itself.
    for row in range(len(left_start) - 1):
        line = out[row]
        line[:] = 0
        for a in range(left_start[row], left_start[row + 1]):
            middle, weight = np.uint32(left_column[a]), left_value[a]
            for b in range(np.uint32(right_start[middle]), np.uint32(right_start[middle + 1])):
                line[np.uint32(right_column[b])] += weight * right_value[b]
        for column in range(len(line)):
            line[column] = line[column] if line[column] != 0 else -np.inf


def _kth_best(score: Floats, k: int) -> float:
    """What `numpy.partition` finds of all scores, of those alone that fall in one bin with the K-th best."""
    low = high = score[0]
    for each in score:
        low, high = min(low, each), max(high, each)
    span = high - low
    if not (np.float32(1e-30) < span < np.inf):  # all alike, or not to be parted evenly
        return float(np.partition(score, len(score) - k)[len(score) - k])
    scale = score.dtype.type((BINS - 1) / span)
    held, bins = np.zeros(BINS, np.int32), np.empty(len(score), np.uint8)
    for at in range(len(score)):
        bins[at] = np.uint8((score[at] - low) * scale)
        held[bins[at]] += 1
    better, its = 0, BINS - 1
    while better + held[its] < k:
        better, its = better + held[its], its - 1
    near, count = np.empty(len(score), score.dtype), 0
    for at in range(len(score)):
        near[count] = score[at]
        count += bins[at] == its
    return float(np.partition(near[:count], count - (k - better))[count - (k - better)])


def _keep_best(score: Floats, item: Indices, count: int, k: int) -> float:
    """Move the K best of the first `count` pairs to the front, in their order; returns the worst of their scores."""
    worst = kth_best(score[:count], k)
    ties = k
    for at in range(count):
        ties -= score[at] > worst
    kept = 0
    for at in range(count):  # without a branch: whether the next is kept is anybody's guess
        tied = score[at] == worst
        keep = (score[at] > worst) | (tied & (ties > 0))
        score[kept], item[kept] = score[at], item[at]
        kept, ties = kept + keep, ties - tied
    return float(worst)


def _write_best(score: Floats, item: Indices, count: int, found: Indices, values: Floats) -> None:
    """Write the K best of the first `count` pairs, which stand by number, to `found` (K,): best first, ties by number."""
    if count > len(found):
        keep_best(score, item, count, len(found))
        count = len(found)
    order = np.argsort(-score[:count], kind="mergesort")
    for rank in range(count):
        found[rank], values[rank] = item[order[rank]], score[order[rank]]


def _contenders(line: Floats, excluded: Indices, row: int, held: Floats, numbers: Indices, k: int) -> int:
    """Gather those of `line` (items,) that may be among its K best, in their order; -1 where one is not a number."""
    count, bound = 0, -np.inf
    for begin in range(0, len(line), BLOCK):
        stop = min(begin + BLOCK, len(line))
        better = 0
        for column in range(begin, stop):  # without a branch, so that it is compiled to vector instructions
            better += not line[column] <= bound
        if better == 0:
            continue
        for column in range(begin, stop):
            score = line[column]
            if score <= bound or excluded[column] == row:
                continue
            if np.isnan(score):
                return -1
            held[count], numbers[count] = score, column
            count += 1
            if count == len(held):
                bound, count = keep_best(held, numbers, count, k), k
    return count


def _select(scores: Floats, excluded_start: Ints, excluded_item: Indices, found: Indices, values: Floats) -> bool:
    """Write the K best items of each row of `scores` (R, items), best first, ties by number, to `found` (R, K).

    Returns:
        False where a score that takes part is not a number.
    """
    rows, items = scores.shape
    k = found.shape[1]
    held, numbers = np.empty(HELD * k, scores.dtype), np.empty(HELD * k, np.int32)
    excluded = np.full(items, -1, np.int32)  # the row that last excluded the item
    for row in range(rows):
        for at in range(excluded_start[row], excluded_start[row + 1]):
            excluded[excluded_item[at]] = row
        count = contenders(scores[row], excluded, row, held, numbers, k)
        if count < 0:
            return False
        write_best(held, numbers, count, found[row], values[row])
    return True


def _merge(
    items: Indices, scores: Floats, count: int, column: Indices, value: Floats, weight: float,
    merged: Indices, sums: Floats,
) -> int:  # fmt: skip
    """Add one line's values, times a weight, to the scores of `count` items; both ascend. Returns how many there are.

    Args:
        items: Those of the first `count` count, with their scores.
        column: (N,) of the line, with its values.
        merged: Written, with sums; there is room for `count` + N.
    """
    nothing, left, right, more = np.float32(0), 0, 0, 0
    while left < count and right < len(column):
        mine, other = items[left], column[right]
        here, there = mine <= other, other <= mine  # without branches: which comes next is anybody's guess
        merged[more] = min(mine, other)
        sums[more] = (scores[left] if here else nothing) + (weight * value[right] if there else nothing)
        left, right, more = left + here, right + there, more + 1
    for at in range(left, count):
        merged[more], sums[more], more = items[at], scores[at], more + 1
    for at in range(right, len(column)):
        merged[more], sums[more], more = column[at], weight * value[at], more + 1
    return more


def _take_out(items: Indices, scores: Floats, count: int, excluded: Indices) -> int:
    """Move those of `count` items (ascending) that are not excluded and have a score to the front; how many they are."""
    for item in excluded:
        at = np.searchsorted(items[:count], item)
        if at < count and items[at] == item:
            scores[at] = 0
    left = 0
    for at in range(count):
        if scores[at] != 0:
            items[left], scores[left], left = items[at], scores[at], left + 1
    return left


def _select_of_product(
    left_start: Ints, left_column: Indices, left_value: Floats,
    right_start: Indices, right_column: Indices, right_value: Floats,
    excluded_start: Ints, excluded_item: Indices, found: Indices, values: Floats,
) -> None:  # fmt: skip
    """What `select` finds in the product that `multiply` writes, where a row of it has few entries; neither is made.

    Args:
        left_start: Of a CSR matrix (rows, middle) of values above zero; so are left_column and left_value.
        right_start: Of a CSR matrix (middle, items) of values above zero, whose rows ascend; so are right_column and
            right_value.
        excluded_start: (rows + 1,) where the items that each row leaves out begin in `excluded_item`.
        excluded_item: Their numbers; those beyond all items are none.
        found: (rows, K) written: best first, ties by number; as it was where there are fewer.
        values: (rows, K) written: their scores.
    """
    most = 0  # entries that one row adds up
    for row in range(len(left_start) - 1):
        entries = 0
        for at in range(left_start[row], left_start[row + 1]):
            entries += right_start[left_column[at] + 1] - right_start[left_column[at]]
        most = max(most, entries)
    items, scores = np.empty((2, most), np.int32), np.empty((2, most), np.float32)
    for row in range(len(left_start) - 1):
        count, one = 0, 0  # how many stand in which of the two
        for at in range(left_start[row], left_start[row + 1]):
            line = slice(right_start[left_column[at]], right_start[left_column[at] + 1])
            count = merge(
                items[one], scores[one], count, right_column[line], right_value[line], left_value[at],
                items[1 - one], scores[1 - one],
            )  # fmt: skip
            one = 1 - one
        excluded = excluded_item[excluded_start[row] : excluded_start[row + 1]]
        count = take_out(items[one], scores[one], count, excluded)
        write_best(scores[one], items[one], count, found[row], values[row])


multiply = numba.njit(cache=True, nogil=True)(_multiply)
kth_best = numba.njit(cache=True, nogil=True)(_kth_best)
keep_best = numba.njit(cache=True, nogil=True)(_keep_best)
write_best = numba.njit(cache=True, nogil=True)(_write_best)
contenders = numba.njit(cache=True, nogil=True)(_contenders)
select = numba.njit(cache=True, nogil=True)(_select)
merge = numba.njit(cache=True, nogil=True)(_merge)
take_out = numba.njit(cache=True, nogil=True)(_take_out)
select_of_product = numba.njit(cache=True, nogil=True)(_select_of_product)
