"""Compiled inner loops: what each candidate is worth, and the random numbers of a request.

Legend: C candidates of R requests, which are asked at their moments (microseconds since 1970 UTC).
"""

import numba
import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints, Reals

DAY_US = 86_400_000_000
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _normalise(score: Floats, kept: Bools, value: Reals) -> None:
    """Write scores of what is kept, from 0 (a request's least) to 1 (its best), to `value` (R, C), -inf on entry."""
    for row in range(len(score)):
        low, high = np.inf, -np.inf
        for column in range(score.shape[1]):
            if kept[row, column] and np.isfinite(score[row, column]):
                low, high = min(low, np.float64(score[row, column])), max(high, np.float64(score[row, column]))
        span = high - low if high > low else 1.0
        for column in range(score.shape[1]):
            if kept[row, column] and np.isfinite(score[row, column]):
                value[row, column] = (np.float64(score[row, column]) - low) / span


def _boost(
    number: Floats, item: Indices, moment: Ints, within_days: float, full_at: float, strength: float, total: Reals
) -> None:
    """Add one boost to `total` (R, C).

    Args:
        number: (items,) what it reads: days since 1970 UTC where it looks at the age, else an amount.
        item: (R, C); -1: none.
        moment: (R,).
        within_days: Age at which nothing is left of it; NaN: it does not look at the age.
        full_at: Amount from which it is whole.
        strength: What it adds where it is whole.
        total: (R, C) added to.
    """
    for row in range(len(item)):
        for column in range(item.shape[1]):
            if item[row, column] < 0:
                continue
            told = float(number[item[row, column]])
            share = told / full_at
            if not np.isnan(within_days):
                age = moment[row] / DAY_US - told
                share = 1 - age / within_days if age >= 0 else 0.0  # what is not launched yet is not new
            if not np.isnan(share):
                total[row, column] += strength * min(max(share, 0.0), 1.0)


def _mixed(word: np.uint64) -> np.uint64:
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


def _draw(seed: int, user: Indices, moment: Ints, found: Reals) -> None:
    """Write numbers in [0, 1) from a hash of (seed, user, moment) to `found` (R, N): SplitMix64."""
    first = mixed(np.uint64(seed) + GOLDEN)
    for row in range(len(user)):
        state = mixed(mixed(first ^ np.uint64(np.int64(user[row]))) ^ np.uint64(moment[row]))
        for column in range(found.shape[1]):
            word = mixed(state + GOLDEN * np.uint64(column + 1))
            found[row, column] = np.float64(word >> np.uint64(11)) * 2.0**-53


normalise = numba.njit(cache=True)(_normalise)
boost = numba.njit(cache=True)(_boost)
mixed = numba.njit(cache=True)(_mixed)
draw = numba.njit(cache=True)(_draw)
