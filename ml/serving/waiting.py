"""What somebody on an event loop waits for while a thread sees to it, alone or together with others."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Told = TypeVar("Told")


@dataclass(eq=False)
class Waiting(Generic[Asked, Told]):
    """A request that somebody waits for."""

    request: Asked
    future: "asyncio.Future[Told]"
    since: float = field(default_factory=time.perf_counter)


def deliver(
    batch: Sequence[Waiting[Asked, Told]],
    answers: Sequence[Told | BaseException],
    then: Callable[[], object] = lambda: None,
) -> None:
    """Hand the answers to the event loop, all in one call; it calls `then` once it has read what came meanwhile."""
    loop = batch[0].future.get_loop()

    def settle() -> None:
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.future.done():
                continue
            if isinstance(answer, BaseException):
                waiting.future.set_exception(answer)
            else:
                waiting.future.set_result(answer)
        loop.call_soon(loop.call_soon, then)  # after the sockets were looked at, and after those that were read

    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)
