import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from ml.retrieval.sparse import add_scores, dense_scores, product_scores, strongest


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
