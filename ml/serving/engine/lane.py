"""A queue of requests and the thread that answers what is in it, a batch at a time."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from ml.logs import get_logger
from ml.serving.beside import let_the_loop_first
from ml.serving.contract import ServedSlate, SlateRequest
from ml.serving.waiting import Waiting, deliver

MOST = 32  # requests answered together
FEW, SMALL = 12, 3  # while no more than those wait, so many are: what one batch finds, each of it waits for
LONGEST = 0.025  # seconds that a batch should take at most: whoever comes meanwhile waits for it
HUNG = 1.0  # seconds after which a batch that has not come back is given up
TURN = 0.005  # seconds for which the next batch waits at most until the loop has had its turn
MOST_HUNG = 4  # threads that may hang before only the cheap path is left
log = get_logger(__name__)

Outcome = ServedSlate | BaseException
Asked = Waiting[SlateRequest, ServedSlate]


class Lane:
    """A queue and the thread that answers what is in it, a batch at a time."""

    def __init__(
        self, name: str, answer: Callable[[Sequence[SlateRequest]], Sequence[Outcome]], share: float = 1.0
    ) -> None:
        self.name, self._answer, self._share = name, answer, share  # of `LONGEST`, that its batches may take
        self._queue: deque[Asked] = deque()
        self._wake = threading.Condition()
        self._generation, self._hung = 0, 0
        self.began: float | None = None  # when the batch that is under way began
        self._size = 0  # requests in it
        self.start, self.pace = 0.0, 0.002  # seconds a batch as such, and each of its slates, as of late
        self._closed = False
        self._start()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def idle(self) -> bool:
        """Whether nobody waits and nothing is under way."""
        return self.began is None and not self._queue

    @property
    def delay(self) -> float:
        """Seconds that a request would wait before its batch begins."""
        began, queued = self.began, len(self._queue)
        left = 0.0 if began is None else max(self._expected(self._size) - (time.perf_counter() - began), 0.0)
        return left + queued // self.most * self.start + queued * self.pace

    @property
    def most(self) -> int:
        """Requests answered together, as fast as that goes of late."""
        return max(1, min(MOST, int((self._share * LONGEST - self.start) / max(self.pace, 1e-6))))

    def _expected(self, size: int) -> float:
        """Seconds that a batch of so many takes."""
        return self.start + self.pace * size

    def _learn(self, size: int, took: float) -> None:
        """Correct what a batch and a slate are thought to take (normalised least mean squares)."""
        step = 0.1 * (took - self._expected(size)) / (1 + size * size)
        self.start, self.pace = max(self.start + step, 0.0), max(self.pace + step * size, 0.0)

    def overdue(self, seconds: float) -> bool:
        """Whether the batch under way takes longer than so many seconds, or every thread that may hang does."""
        began = self.began
        return self._hung >= MOST_HUNG or (began is not None and time.perf_counter() - began > seconds)

    def put(self, waiting: Asked, first: bool = False) -> None:
        """Queue a request, behind all others or before them."""
        with self._wake:
            if self._closed:
                raise RuntimeError(f"the {self.name} lane is closed")
            (self._queue.appendleft if first else self._queue.append)(waiting)
            self._wake.notify()

    def look_after(self) -> None:
        """Where the thread hangs, let another take its place."""
        with self._wake:
            if self._hung >= MOST_HUNG or not self.overdue(HUNG):
                return
            self._generation, self._hung, self.began = self._generation + 1, self._hung + 1, None
        log.error("the %s lane hangs: another thread goes on", self.name)
        self._start()

    def close(self) -> None:
        """Answer what is queued, then stop."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()

    def _start(self) -> None:
        generation = self._generation
        threading.Thread(target=self._work, args=(generation,), name=f"slate-{self.name}", daemon=True).start()

    def _work(self, generation: int) -> None:
        let_the_loop_first()
        while batch := self._next(generation):
            answers = self._answers(batch)
            if not self._done(generation, len(batch)):
                return  # given up meanwhile: those who waited have been answered otherwise
            _take_turns(batch, answers)

    def _answers(self, batch: Sequence[Asked]) -> Sequence[Outcome]:
        """The answers; whatever fails is told to those who wait, and the thread goes on."""
        try:
            return self._answer([waiting.request for waiting in batch])
        except Exception as error:
            log.exception("the %s lane cannot answer", self.name)
            return [error] * len(batch)

    def _next(self, generation: int) -> list[Asked]:
        """Whatever is queued, a part of it where little is, at most `MOST`; nothing where this thread is to stop."""
        with self._wake:
            while generation == self._generation:
                batch: list[Asked] = []
                most = self.most if len(self._queue) > FEW else min(self.most, SMALL)
                while self._queue and len(batch) < most:
                    waiting = self._queue.popleft()
                    if not waiting.future.done():  # the others were answered by the cheap path
                        batch.append(waiting)
                if batch:
                    self.began, self._size = time.perf_counter(), len(batch)
                    return batch
                if self._closed:
                    break
                self._wake.wait()
            return []

    def _done(self, generation: int, size: int) -> bool:
        with self._wake:
            if generation != self._generation:
                self._hung -= 1
                return False
            took = time.perf_counter() - (self.began or time.perf_counter())
            self._learn(size, took)
            self.began = None
            return True


def _take_turns(batch: Sequence[Asked], answers: Sequence[Outcome]) -> None:
    """Hand the answers to the event loop, and let it send them and read what came meanwhile.

    The next batch is larger for it and nobody's answer waits until that is made: on a core that both share, one at a
    time is faster than a little of each in turn.
    """
    turn = threading.Event()
    deliver(batch, answers, turn.set)
    turn.wait(TURN)
