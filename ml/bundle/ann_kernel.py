"""Inverted lists searched for a query at a time, compiled: with so few vectors a list, what is around them counts."""

import numba
import numpy as np

from ml.data.arrays import Floats, Indices, Ints
from ml.retrieval.kernels import write_best


def _products(query: Floats, vectors: Floats, product: Floats) -> None:
    """Write the inner product of a query (D,) with each of N vectors (N, D) to `product` (N,)."""
    for row in range(len(vectors)):
        vector, total = vectors[row], np.float32(0)
        for at in range(len(query)):
            total += query[at] * vector[at]
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
    near = np.empty(len(centroid), np.float32)
    score, number = np.empty(probes * longest, np.float32), np.empty(probes * longest, np.int32)
    for row in range(len(queries)):
        products(queries[row], centroid, near)
        count = 0
        for _ in range(probes):
            nearest = np.argmax(near)
            near[nearest] = -np.inf
            own = slice(start[nearest], start[nearest + 1])
            more = count + own.stop - own.start
            products(queries[row], member[own], score[count:more])
            number[count:more] = item[own]
            count = more
        write_best(score, number, count, found[row], values[row])


# Sums in any order, so that they are compiled to vector instructions.
products = numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})(_products)
search = numba.njit(cache=True, nogil=True)(_search)
