"""Compiled inner loop: rows down perfect trees, a block of rows and a level at a time."""

import numba
import numpy as np

from ml.data.arrays import Floats, Indices

BLOCK = 32  # rows that go down together: their positions and sums stay in registers and the nearest cache


def _fill(values: Floats, begin: int, stop: int, block: Floats) -> None:
    """Write rows as columns, each feature twice: a missing value as +∞ in the first copy, as -∞ in the second."""
    features = values.shape[1]
    for row in range(begin, stop):
        for feature in range(features):
            value = values[row, feature]
            missing = np.isnan(value)
            block[feature * BLOCK + row - begin] = np.inf if missing else value
            block[(features + feature) * BLOCK + row - begin] = -np.inf if missing else value


def _predict(
    values: Floats, column: Indices, threshold: Floats, leaf: Floats, depth: int, scores: Floats
) -> None:  # fmt: skip
    """Add the value of every tree's leaf to `scores` (N,), in the order of the trees."""
    # Unsigned positions spare the test for negative ones, which costs as much as the walk itself.
    block = np.zeros(2 * values.shape[1] * BLOCK, np.float32)
    place, total, nodes = np.zeros(BLOCK, np.uint32), np.zeros(BLOCK, np.float32), np.uint32(column.shape[1])
    for begin in range(0, len(values), BLOCK):
        stop = min(begin + BLOCK, len(values))
        fill(values, begin, stop, block)
        for row in range(stop - begin):
            total[row] = scores[begin + row]
        for tree in range(len(column)):
            columns, thresholds, leaves = column[tree], threshold[tree], leaf[tree]
            place[:] = 0
            for _ in range(depth):
                for row in range(BLOCK):
                    node = place[row]
                    value = block[np.uint32(columns[node]) * np.uint32(BLOCK) + np.uint32(row)]
                    place[row] = np.uint32(2) * node + np.uint32(1) + np.uint32(value >= thresholds[node])
            for row in range(BLOCK):
                total[row] += leaves[place[row] - nodes]
        for row in range(stop - begin):
            scores[begin + row] = total[row]


fill = numba.njit(cache=True, nogil=True)(_fill)
predict = numba.njit(cache=True, nogil=True)(_predict)
