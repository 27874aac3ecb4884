"""Sparse matrix arithmetic that the retrievers share: sums, products, strongest entries, dense scores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from ml.data.arrays import Floats, Indices, Ints, Ragged
from ml.retrieval.contract import Ranking


@dataclass(frozen=True)
class Entries:
    """The entries of R rows, as of a sparse matrix, but that several of a row may fall on one column."""

    indptr: Ints  # (R + 1,)
    indices: Indices  # (N,)
    data: Floats  # (N,)


def summed(row: ArrayLike, column: ArrayLike, value: ArrayLike, shape: tuple[int, int]) -> csr_array:
    """A sparse matrix of these entries; what falls on one place is added up."""
    return csr_array((np.asarray(value, np.float32), (row, column)), shape=shape)


def rows_of(matrix: csr_array) -> Ints:
    """(N,) the row of each stored entry."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def product_scores(left: csr_array | Entries, right: csr_array) -> Floats:
    """(R, C) the product of two sparse matrices of values above zero, `-inf` where none meet.

    A sparse product would be nearly as full as the dense one here, and several times slower.
    """
    from ml.retrieval.kernels import multiply

    scores = np.empty((len(left.indptr) - 1, right.shape[1]), np.float32)
    multiply(left.indptr, left.indices, left.data, right.indptr, right.indices, right.data, scores)
    return scores


def best_of_product(left: csr_array | Entries, right: csr_array, k: int, exclude: Ragged) -> Ranking:
    """The K best of each row of `product_scores`, where few columns of a row meet: in a small share of the time."""
    from ml.retrieval.kernels import select_of_product

    shape = (len(left.indptr) - 1, min(k, right.shape[1]))
    found, values = np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32)
    ascending = right if right.has_sorted_indices else right.sorted_indices()
    select_of_product(
        left.indptr, left.indices, left.data, ascending.indptr, ascending.indices, ascending.data,
        exclude.offsets, exclude.values, found, values,
    )  # fmt: skip
    return Ranking(found, values)


def add_scores(scores: Floats, matrix: csr_array) -> Floats:
    """`scores` (R, C) with the stored entries added in place; where there was no candidate, now there is one."""
    at = rows_of(matrix), matrix.indices
    before = scores[at]
    scores[at] = np.where(np.isfinite(before), before, 0) + matrix.data
    return scores


def dense_scores(matrix: csr_array) -> Floats:
    """(R, C) the stored entries as scores, `-inf` elsewhere."""
    return add_scores(np.full(matrix.shape, -np.inf, np.float32), matrix)


def strongest(matrix: csr_array, count: int) -> csr_array:
    """The `count` largest entries above zero of each row, ties by column number."""
    row = rows_of(matrix)
    order = np.lexsort((matrix.indices, -matrix.data, row))
    rank = np.arange(len(order)) - matrix.indptr[row]  # `order` keeps the rows where they are
    kept = np.sort(order[(rank < count) & (matrix.data[order] > 0)])
    return csr_array((matrix.data[kept], (row[kept], matrix.indices[kept])), shape=matrix.shape)
