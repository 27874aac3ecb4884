"""The log of served slates: what was shown, where, by which chance; it never makes a request wait.

A request hands its slate to a bounded queue and goes on; one thread writes it to a journal (`impression_parts`), which
outlives a killed process, and another, for which slates need not wait, seals it into a Parquet part now and then. What a hung or full disk keeps from
being written is refused and counted: whoever answers with chance in it must know that its propensity was not logged.
"""

import fcntl
import os
import time
import uuid
from collections import deque
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

from ml.logs import get_logger
from ml.serving.beside import stand_back
from ml.serving.contract import ServedSlate
from ml.serving.impression_parts import JOURNAL, line_of, parts, seal_abandoned

_BATCH = 256  # slates written at once
_EVERY = 0.02  # seconds between two looks at what waits: being woken for each slate would cost more than writing it
log = get_logger(__name__)


class ImpressionLog:
    """Takes served slates from any thread; one log, or several, of as many processes, write into a folder.

    Args:
        folder: Of one domain; made where it is not there.
        rows_per_part: Rows after which a journal is sealed.
        seconds_per_part: Seconds after its first row at which a journal is sealed, whatever it holds.
        capacity: Slates that may wait to be written.
    """

    def __init__(
        self, folder: Path, *, rows_per_part: int = 50_000, seconds_per_part: float = 60.0, capacity: int = 10_000
    ) -> None:
        self._folder, self._rows_per_part, self._seconds_per_part = folder, rows_per_part, seconds_per_part
        self._waiting: deque[ServedSlate] = deque()
        self._capacity = capacity
        self._journal: int | None = None  # descriptor
        self._rows, self._begun = 0, 0.0
        self._torn = False  # the journal's last line may be cut off
        self._named = 0  # nanoseconds since 1970 UTC that the latest name begins with
        self._closing, self._counting = Event(), Lock()
        self._let_go = Event()  # there may be a journal that nobody writes
        self._let_go.set()  # a killed process leaves one
        self.logged = 0  # slates in a journal or a part
        self.dropped = 0  # slates that no file holds
        self._told_at = float("-inf")
        folder.mkdir(parents=True, exist_ok=True)
        self._writer = Thread(target=self._write, name="impressions", daemon=True)
        self._sealer = Thread(target=self._seal, name="impressions-seal", daemon=True)
        self._writer.start()
        self._sealer.start()

    def shown(self, slate: ServedSlate) -> bool:
        """Take a slate to be logged, without waiting; False: it is not, and counted as dropped.

        A slate is in its journal some milliseconds later: a process killed in between takes it along.
        """
        if not self._closing.is_set() and len(self._waiting) < self._capacity:
            self._waiting.append(slate)
            return True
        self._drop([slate], "the log is closed" if self._closing.is_set() else "the disk does not keep up")
        return False

    def close(self, timeout: float = 10.0) -> None:
        """Write and seal what waits, for so many seconds at most; what a hung disk keeps back is counted as dropped."""
        self._closing.set()
        until = time.monotonic() + timeout
        self._writer.join(timeout)
        self._let_go.set()
        self._sealer.join(max(until - time.monotonic(), 0))
        while left := self._next_batch():
            self._drop(left, "the disk hung while the log was closed")

    def _write(self) -> None:
        self._named = _latest_name(self._folder)
        closing = False
        while not closing:
            closing = self._closing.wait(_EVERY)
            while batch := self._next_batch():
                self._append(batch)
                self._rotate_if_due()
            self._rotate_if_due()
        self._rotate()

    def _next_batch(self) -> list[ServedSlate]:
        batch: list[ServedSlate] = []
        with suppress(IndexError):  # `close` may take the last one
            while len(batch) < _BATCH:
                batch.append(self._waiting.popleft())
        return batch

    def _append(self, batch: list[ServedSlate]) -> None:
        try:
            lines = b"".join(line_of(slate) for slate in batch)
            _write_all(self._opened(), b"\n" + lines if self._torn else lines)
        except (OSError, TypeError, ValueError) as error:  # a full disk; a slate that is no JSON
            self._torn = True
            self._drop(batch, str(error))
            return
        self._torn = False
        self._rows += sum(len(slate.items) for slate in batch)
        self.logged += len(batch)

    def _opened(self) -> int:
        """The descriptor of the journal; a new one begins with its first slate."""
        if self._journal is None:
            self._named = max(time.time_ns(), self._named + 1)  # in their order, whatever becomes of the clock
            name = f"{self._named:020d}-{uuid.uuid4().hex[:8]}{JOURNAL}"
            self._journal = _locked(self._folder / name)
            self._rows, self._begun, self._torn = 0, time.monotonic(), False
        return self._journal

    def _rotate_if_due(self) -> None:
        old = time.monotonic() - self._begun >= self._seconds_per_part
        if self._journal is not None and (old or self._rows >= self._rows_per_part):
            self._rotate()

    def _rotate(self) -> None:
        """Let go of the journal, so that it is sealed; the next slate begins another."""
        if self._journal is not None:
            fcntl.flock(self._journal, fcntl.LOCK_UN)  # a process being started may hold a copy of the descriptor
            os.close(self._journal)
            self._journal = None
            self._let_go.set()

    def _seal(self) -> None:
        """Seal all that nobody writes, again and again; what cannot be sealed now stays for the next time."""
        import duckdb

        stand_back()  # a journal is as safe as a part
        ended = False
        while not ended:
            self._let_go.wait()
            self._let_go.clear()
            ended = not self._writer.is_alive()
            try:
                seal_abandoned(self._folder)
            except (OSError, duckdb.Error) as error:
                log.warning("impressions stay in their journal in %s: %s", self._folder, error)

    def _drop(self, slates: list[ServedSlate], why: str) -> None:
        """Count slates that are not logged; say so once a second, louder where chance had a part in them."""
        with self._counting:
            self.dropped += len(slates)
            if time.monotonic() - self._told_at < 1:
                return
            self._told_at = time.monotonic()
        if any(item.explored or item.propensity < 1 for slate in slates for item in slate.items):
            log.error("explored slates were served without a logged propensity: %s (%d so far)", why, self.dropped)
        else:
            log.warning("slates are not logged: %s (%d so far)", why, self.dropped)


def _latest_name(folder: Path) -> int:
    """The number that the latest name of a part or journal begins with; 0: there is none."""
    stamps = [path.name.partition("-")[0] for path in (*parts(folder), *folder.glob(f"*{JOURNAL}"))]
    return max((int(stamp) for stamp in stamps if stamp.isdecimal()), default=0)


def _locked(path: Path) -> int:
    """A descriptor of a new file that nobody else takes for abandoned: it is locked until the process ends, however it ends."""
    while True:
        opened = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o644)
        fcntl.flock(opened, fcntl.LOCK_EX)
        if os.fstat(opened).st_nlink:
            return opened
        os.close(opened)  # between the two lines, somebody who seals found it unlocked and empty, and removed it


def _write_all(opened: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(opened, rest) :]
