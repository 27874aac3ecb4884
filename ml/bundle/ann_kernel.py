"""Inverted lists searched for a query at a time, compiled: with so few vectors a list, what is around them counts."""

import numba
import numpy as np

from ml.data.arrays import Floats, Indices, Ints
from ml.retrieval.kernels import HELD, keep_best, write_best


def _products(query: Floats, vectors: Floats, product: Floats) -> None:
    """Write the inner product of a query (D,) with each of N vectors (N, D) to `product` (N,)."""
    fours = len(vectors) - len(vectors) % 4
    for row in range(0, fours, 4):  # four at a time: no sum waits for another
        one, two, three, four = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for at in range(len(query)):
            one += query[at] * vectors[row, at]
            two += query[at] * vectors[row + 1, at]
            three += query[at] * vectors[row + 2, at]
            four += query[at] * vectors[row + 3, at]
        product[row], product[row + 1], product[row + 2], product[row + 3] = one, two, three, four
    for row in range(fours, len(vectors)):
        total = np.float32(0)
        for at in range(len(query)):
            total += query[at] * vectors[row, at]
        product[row] = total


def _search(
    queries: Floats, centroid: Floats, start: Ints, item: Indices, member: Floats, probes: int,
    found: Indices, values: Floats,
) -> None:  # fmt: skip
    """Write the K best items of each query (Q, D), best first, to `found` (Q, K); as it was where there are fewer.

    Args:
        queries: As the members are: the higher the inner product, the better.
        centroid: (L, D) of the lists.
        start: (L + 1,) where each list begins.
        item: (N,) numbers of the items, list by list.
        member: (N, D) their vectors.
        probes: Lists that are read for each query: those of the nearest centroids.
        found: Written, with values (Q, K), their scores.
    """
    longest = 0
    for one in range(len(centroid)):
        longest = max(longest, start[one + 1] - start[one])
    k, near, product = found.shape[1], np.empty(len(centroid), np.float32), np.empty(longest, np.float32)
    score, number = np.empty(HELD * k + longest, np.float32), np.empty(HELD * k + longest, np.int32)
    for row in range(len(queries)):
        products(queries[row], centroid, near)
        count, bound = 0, -np.inf
        for _ in range(probes):
            nearest = np.argmax(near)
            near[nearest] = -np.inf
            first, members = start[nearest], start[nearest + 1] - start[nearest]
            products(queries[row], member[first : first + members], product)
            for at in range(members):  # without a branch: whether the next may be among the best is anybody's guess
                score[count], number[count] = product[at], item[first + at]
                count += product[at] > bound
            if count > HELD * k:
                bound, count = keep_best(score, number, count, k), k
        write_best(score, number, count, found[row], values[row])


# Sums in any order, so that they are compiled to vector instructions.
products = numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})(_products)
search = numba.njit(cache=True, nogil=True)(_search)
