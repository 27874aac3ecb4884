"""Work shared among threads: numpy, compiled kernels, torch and XGBoost let go of the interpreter while they compute."""

import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


def in_threads(function: Callable[[Part], Result], parts: Iterable[Part], threads: int) -> list[Result]:
    """What a function makes of each part, in the order of the parts; the first error ends it.

    Linear algebra meanwhile takes one thread for each part, whose results then do not depend on how many there are.
    """

    def alone(part: Part) -> Result:
        with one_blas_thread():  # some libraries count threads for each thread that calls them, others for all
            return function(part)

    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(alone, parts))


def one_blas_thread() -> AbstractContextManager[Any]:
    """Many small products are done sooner by one thread: several wait for each other, for seconds on a busy machine."""
    return at_most(1, "blas")


def at_most(threads: int, pools: str | None = None) -> AbstractContextManager[Any]:
    """Hold the thread pools of the libraries that are loaded (`blas`, `openmp`; default: both) to so many threads."""
    limit: AbstractContextManager[Any] = _thread_pools(len(sys.modules)).limit(limits=threads, user_api=pools)
    return limit


@lru_cache(maxsize=1)  # finding the pools takes longer than one request
def _thread_pools(imported: int) -> Any:  # noqa: ARG001 - an import may have brought a library with a pool of its own
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
