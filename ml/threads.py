"""Work shared among threads: numpy, compiled kernels, torch and XGBoost let go of the interpreter while they compute."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


def in_threads(function: Callable[[Part], Result], parts: Iterable[Part], threads: int) -> list[Result]:
    """What a function makes of each part, in the order of the parts; the first error ends it.

    Linear algebra meanwhile takes one thread for each part, whose results then do not depend on how many there are.
    """
    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, parts))


def one_blas_thread() -> AbstractContextManager[Any]:
    """Many small products are done sooner by one thread: several wait for each other, for seconds on a busy machine."""
    limit: AbstractContextManager[Any] = _thread_pools().limit(limits=1, user_api="blas")
    return limit


@cache  # finding the pools takes longer than one request
def _thread_pools() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
