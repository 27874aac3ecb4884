import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.sessions.kernels import clear, take_best


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 40))
def test_the_best_are_those_of_a_full_sort(values, k):
    buffer = np.array(values, np.float32)
    touched = np.flatnonzero(buffer > 0).astype(np.int32)[::-1].copy()
    item, score = np.empty(k, np.int32), np.empty(k, np.float32)
    take_best(buffer, touched, len(touched), item, score)
    expected = sorted(touched.tolist(), key=lambda i: (-buffer[i], i))[:k]
    assert item[: len(expected)].tolist() == expected
    assert (item[len(expected) :] == -1).all()
    assert score[: len(expected)].tolist() == buffer[expected].tolist()
    clear(buffer, touched, len(touched))
    assert not buffer.any()
