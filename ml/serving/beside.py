"""What is done beside requests, in threads that stand back for them."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress

from ml.logs import get_logger
from ml.serving.online.errors import StoreGone
from ml.settings import settings

NICE, NICER = 10, 15  # a step weighs 1.25 times the next
log = get_logger(__name__)


def stand_back() -> None:
    """Give this thread the lowest priority that is safe; where threads have none of their own, nothing changes.

    On cores that the server has to itself, it only takes time in which nobody asks, and a request takes over at once
    rather than after a slice of a few milliseconds. On cores with other work it could then wait for seconds, and with
    it whoever waits for what it holds, such as the interpreter: there, it is merely nice.
    """
    with suppress(OSError, AttributeError):
        if settings().own_cores:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        else:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def let_a_batch_end() -> None:
    """Let this thread, which talks to clients, not interrupt the one that makes slates whenever a byte comes.

    On cores of the server's own: it has its turn after each batch, and of a longer one after a slice of the scheduler
    (some milliseconds). Each turn in the middle of a batch costs both what they had in the core's caches.
    """
    with suppress(OSError, AttributeError):
        if settings().own_cores:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def let_the_loop_first() -> None:
    """Let this thread, which makes slates, wait for the one that talks to clients.

    On cores of the server's own: under a flood, those who are turned away must not wait for those who are answered.
    """
    _be_nice(NICE)


def let_slates_first() -> None:
    """Let this thread, which somebody waits for as well, take a third of what those who make slates may take.

    On cores of the server's own: opening another version takes some seconds, and taking in an item a tenth of one.
    """
    _be_nice(NICER)


def _be_nice(niceness: int) -> None:
    with suppress(OSError, AttributeError):
        if settings().own_cores:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


class Beside:
    """A thread that stands back and calls `step` again and again."""

    def __init__(self, name: str, every: float, step: Callable[[], object]) -> None:
        self._every, self._step, self._stop = every, step, threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"slate-{name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the step under way."""
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        stand_back()
        while not self._stop.wait(self._every):
            try:
                self._step()
            except StoreGone:
                continue  # it is asked again
            except Exception:
                log.exception("beside requests, %s failed", self._thread.name)
