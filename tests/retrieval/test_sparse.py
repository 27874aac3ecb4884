import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from ml.data.arrays import Ragged
from ml.retrieval.contract import top_k
from ml.retrieval.sparse import Entries, add_scores, best_of_product, dense_scores, product_scores, strongest


def random_matrix(seed: int, rows: int, columns: int) -> csr_array:
    rng = np.random.default_rng(seed)
    dense = rng.integers(1, 5, (rows, columns)) * (rng.random((rows, columns)) < 0.4)
    return csr_array(dense.astype(np.float32))


@settings(deadline=None)  # the first call compiles
@given(seed=st.integers(0, 1000), rows=st.integers(0, 5), middle=st.integers(1, 6), columns=st.integers(1, 7))
def test_a_product_is_the_product_and_minus_infinity_where_nothing_meets(seed, rows, middle, columns):
    left, right = random_matrix(seed, rows, middle), random_matrix(seed + 1, middle, columns)
    expected = (left @ right).toarray()
    np.testing.assert_array_equal(product_scores(left, right), np.where(expected > 0, expected, -np.inf))


@settings(deadline=None)
@given(
    seed=st.integers(0, 1000),
    rows=st.integers(0, 5),
    middle=st.integers(1, 6),
    columns=st.integers(1, 40),
    k=st.integers(1, 50),
)
def test_the_best_of_a_product_are_those_of_its_scores(seed, rows, middle, columns, k):
    rng = np.random.default_rng(seed)
    left, right = random_matrix(seed, rows, middle), random_matrix(seed + 1, middle, columns)
    lengths = rng.integers(0, 4, rows)
    exclude = Ragged(np.r_[0, np.cumsum(lengths)], rng.integers(0, columns, lengths.sum()).astype(np.int32))
    expected = top_k(product_scores(left, right), k, exclude=exclude)
    beyond = Ragged.from_pairs(
        np.r_[exclude.rows, np.arange(rows)], np.r_[exclude.values, np.full(rows, columns)], rows
    )
    for left_out in (exclude, beyond):  # what came later than the model may be left out as well
        found = best_of_product(left, right, k, left_out)
        np.testing.assert_array_equal(found.item, expected.item)
        np.testing.assert_array_equal(found.score, expected.score)


def test_the_best_of_a_product_are_the_same_however_its_entries_are_stored():
    left, right = random_matrix(0, 3, 6), random_matrix(1, 6, 30)
    turned = csr_array((right.data.copy(), right.indices.copy(), right.indptr), shape=right.shape)
    for row in range(6):
        own = slice(right.indptr[row], right.indptr[row + 1])
        turned.data[own], turned.indices[own] = right.data[own][::-1], right.indices[own][::-1]
    found, expected = (best_of_product(left, each, 9, Ragged.empty(3)) for each in (turned, right))
    np.testing.assert_array_equal(found.item, expected.item)
    np.testing.assert_array_equal(found.score, expected.score)


def test_entries_on_one_place_add_up():
    left, right = (
        Entries(np.array([0, 2]), np.array([1, 1], np.int32), np.array([2, 3], np.float32)),
        random_matrix(1, 2, 9),
    )
    once = Entries(np.array([0, 1]), np.array([1], np.int32), np.array([5], np.float32))
    np.testing.assert_array_equal(product_scores(left, right), product_scores(once, right))
    found, expected = (best_of_product(each, right, 4, Ragged.empty(1)) for each in (left, once))
    np.testing.assert_array_equal(found.item, expected.item)


def test_added_scores_make_candidates():
    scores = np.array([[1, -np.inf, -np.inf]], np.float32)
    assert add_scores(scores, csr_array(np.array([[2, 3, 0]], np.float32))).tolist() == [[3, 3, -np.inf]]


@given(seed=st.integers(0, 1000), count=st.integers(1, 4))
def test_the_strongest_of_each_row_stay(seed, count):
    matrix = random_matrix(seed, 5, 6)
    kept, scores = strongest(matrix, count).toarray(), dense_scores(matrix)
    for row in range(5):
        expected = sorted(np.flatnonzero(scores[row] > 0), key=lambda column: (-scores[row, column], column))[:count]
        assert sorted(np.flatnonzero(kept[row])) == sorted(expected)
        np.testing.assert_array_equal(kept[row, expected], scores[row, expected])
