"""Compiled inner loops: what numpy and scipy cannot do without large intermediate matrices."""

import numba
import numpy as np

from ml.data.arrays import Floats, Indices, Ints

HELD = 4  # times K: so many contenders are held before the worse of them are dropped
BLOCK = 64  # scores compared with the bound at once


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


def _keep_best(score: Floats, item: Indices, count: int, k: int) -> float:
    """Move the K best of the first `count` pairs to the front, in their order; returns the worst of their scores."""
    worst = np.partition(score[:count], count - k)[count - k]
    ties = k
    for at in range(count):
        ties -= score[at] > worst
    kept = 0
    for at in range(count):
        tied = score[at] == worst
        if score[at] > worst or (tied and ties > 0):
            ties -= tied
            score[kept], item[kept] = score[at], item[at]
            kept += 1
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


def _add_up(
    column: Indices, value: Floats, right_start: Ints, right_column: Indices, right_value: Floats,
    line: Floats, touched: Indices,
) -> int:  # fmt: skip
    """Add one row of a product to `line` (items,), note the items that it touches, and return how many they are."""
    count = 0
    for a in range(len(column)):
        for b in range(right_start[column[a]], right_start[column[a] + 1]):
            item, more = right_column[b], value[a] * right_value[b]
            if line[item] == 0 and more != 0:
                touched[count], count = item, count + 1
            line[item] += more
    return count


def _take_out(line: Floats, excluded: Indices, numbers: Indices, held: Floats) -> int:
    """Move what `line` holds at these numbers, but for the excluded, to the front of both; returns how much it is."""
    for item in excluded:
        if item < len(line):
            line[item] = 0
    left = 0
    for item in numbers:
        if line[item] != 0:
            held[left], numbers[left], left = line[item], item, left + 1
            line[item] = 0
    return left


def _select_of_product(
    left_start: Ints, left_column: Indices, left_value: Floats,
    right_start: Indices, right_column: Indices, right_value: Floats,
    excluded_start: Ints, excluded_item: Indices, line: Floats, found: Indices, values: Floats,
) -> None:  # fmt: skip
    """What `select` finds in the product that `multiply` writes, where a row of it has few entries; neither is made.

    Args:
        left_start: Of a CSR matrix (rows, middle) of values above zero; so are left_column and left_value.
        right_start: Of a CSR matrix (middle, items) of values above zero; so are right_column and right_value.
        excluded_start: (rows + 1,) where the items that each row leaves out begin in `excluded_item`.
        excluded_item: Their numbers; those beyond all items are none.
        line: (items,) zeros; so they are again in the end.
        found: (rows, K) written: best first, ties by number; as it was where there are fewer.
        values: (rows, K) written: their scores.
    """
    most = 0  # items that one row touches
    for row in range(len(left_start) - 1):
        touches = 0
        for at in range(left_start[row], left_start[row + 1]):
            touches += right_start[left_column[at] + 1] - right_start[left_column[at]]
        most = max(most, min(touches, len(line)))
    touched, held = np.empty(most, np.int32), np.empty(most, np.float32)
    for row in range(len(left_start) - 1):
        entries = slice(left_start[row], left_start[row + 1])
        count = add_up(left_column[entries], left_value[entries], right_start, right_column, right_value, line, touched)
        numbers = np.sort(touched[:count])
        left = take_out(line, excluded_item[excluded_start[row] : excluded_start[row + 1]], numbers, held)
        write_best(held, numbers, left, found[row], values[row])


multiply = numba.njit(cache=True, nogil=True)(_multiply)
keep_best = numba.njit(cache=True, nogil=True)(_keep_best)
write_best = numba.njit(cache=True, nogil=True)(_write_best)
contenders = numba.njit(cache=True, nogil=True)(_contenders)
select = numba.njit(cache=True, nogil=True)(_select)
add_up = numba.njit(cache=True)(_add_up)
take_out = numba.njit(cache=True)(_take_out)
select_of_product = numba.njit(cache=True)(_select_of_product)  # with the lock: its line is the same for all threads
