"""Compiled inner loops: what numpy and scipy cannot do without large intermediate matrices."""

import numba
import numpy as np

from ml.data.arrays import Floats, Indices


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


multiply = numba.njit(cache=True, nogil=True)(_multiply)
