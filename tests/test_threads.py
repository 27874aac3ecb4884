import threading

import pytest

from ml.threads import at_most, in_threads, one_blas_thread


def test_results_stand_in_the_order_of_their_parts():
    first_may_go = threading.Event()

    def answer(part):
        if part == 0:
            first_may_go.wait(5)
        first_may_go.set()
        return part * part

    assert in_threads(answer, range(6), 2) == [0, 1, 4, 9, 16, 25]


def test_an_error_of_one_part_is_raised():
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda part: 1 // part, [2, 1, 0], 2)


def test_linear_algebra_takes_one_thread_and_then_as_many_as_before():
    with one_blas_thread():
        pass  # whatever is imported from here on brings pools that were not there
    import scipy.linalg  # noqa: F401
    import torch  # noqa: F401
    from threadpoolctl import threadpool_info

    def blas():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = blas()
    with one_blas_thread():
        assert set(blas()) == {1}
    assert all(set(found) == {1} for found in in_threads(lambda _: blas(), range(4), 2))
    assert blas() == before


def test_pools_are_held_to_so_many_threads_and_then_have_as_many_as_before():
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    def pools():
        return [pool["num_threads"] for pool in threadpool_info()]

    before = pools()
    with at_most(1):
        assert set(pools()) == {1}
    assert pools() == before
