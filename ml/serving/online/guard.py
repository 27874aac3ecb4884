"""A watch over a store across a network: no request waits for it longer than its time."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as OutOfTime
from queue import SimpleQueue
from time import monotonic
from typing import TypeVar

from ml.serving.online.errors import StoreGone

THREADS = 8
RETRY_SECONDS = 0.5  # how long a store that did not answer is left alone
T = TypeVar("T")


class Guard:
    """Runs calls of a store in threads of its own and gives up on those that take too long.

    After one that took too long every call fails at once, until one call in each `retry_seconds` finds the store back.

    Args:
        seconds: How long a call may take.
        retry_seconds: How long a store that did not answer is left alone.
        watched: False: calls run in the caller's thread, since the store answers from memory.
    """

    def __init__(self, seconds: float, retry_seconds: float = RETRY_SECONDS, watched: bool = True) -> None:
        self._seconds, self._retry_seconds, self._watched = seconds, retry_seconds, watched
        self._work: SimpleQueue[tuple[Future[object], Callable[[], object]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed_until = 0.0  # of `monotonic`; 0: the store answers
        for at in range(THREADS if watched else 0):
            threading.Thread(target=self._run, name=f"online-store-{at}", daemon=True).start()

    def __call__(self, call: Callable[[], T]) -> T:
        """What the call returns. Raises `StoreGone` where the store fails, or takes or took too long."""
        if not self._watched:
            return call()
        self._let_through()
        promised: Future[T] = Future()
        self._work.put((promised, call))  # type: ignore[arg-type]
        try:
            found = promised.result(self._seconds)
        except OutOfTime:
            promised.cancel()
            self._closed_until = monotonic() + self._retry_seconds
            raise StoreGone(f"the online store did not answer within {1000 * self._seconds:g} ms") from None
        except StoreGone:
            self._closed_until = monotonic() + self._retry_seconds
            raise
        self._closed_until = 0.0
        return found

    def close(self) -> None:
        """End the threads, but for those that hang."""
        for _ in range(THREADS if self._watched else 0):
            self._work.put(None)

    def _let_through(self) -> None:
        with self._lock:
            if self._closed_until > monotonic():
                raise StoreGone("the online store did not answer a moment ago: it is left alone for now")
            if self._closed_until:
                self._closed_until = monotonic() + self._retry_seconds  # this call looks, others do not

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            promised, call = work
            if promised.set_running_or_notify_cancel():
                try:
                    promised.set_result(call())
                except BaseException as error:  # noqa: BLE001  (the caller's to judge)
                    promised.set_exception(error)
