"""The event log of one domain: append-only, durable before anything is acknowledged, written by one process.

Callers of many threads hand in lines; one thread writes all that queued, syncs once and then lets everybody go. A line
gets its sequence number, from 1, when it is written: numbers never come from a clock.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import dataclass, field
from pathlib import Path

from ml.serving.online.errors import NotDurable
from ml.serving.online.segment_writer import LogLimits, SegmentWriter
from ml.serving.online.segments import Segment, framed, identity_of, read_log, segments_in
from ml.serving.online.writer_lock import WriterLock


@dataclass
class _Wanted:
    """What one caller waits for: lines to be written, or (none) the segment to be closed."""

    lines: Sequence[bytes]
    framed: bytes
    done: "Future[int]" = field(default_factory=Future)


class EventLog:
    """The log in one folder, for writing. `close` it, or use it as a context.

    Args:
        folder: Made where it is not there.
        limits: Of segments and of waiting.
        sync: Makes a file descriptor's content durable.

    Raises:
        BadInput: Another process writes this log.
        RunFailed: A line in its middle is corrupt.
    """

    def __init__(
        self, folder: Path, limits: LogLimits | None = None, sync: Callable[[int], None] = os.fdatasync
    ) -> None:
        self.folder, self.limits = folder, limits or LogLimits()
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = WriterLock(folder / "writer.lock")
        try:
            self.identity = identity_of(folder)
            self._writer = SegmentWriter(folder, self.limits, sync)
        except BaseException:
            self._lock.release()
            raise
        self._queue: deque[_Wanted] = deque()
        self._queued_bytes = 0
        self._wake = threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="event-log", daemon=True)
        self._thread.start()

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def last(self) -> int:
        """Sequence number of the last durable line; 0: none."""
        return self._writer.last

    def submit(self, lines: Sequence[bytes]) -> "Future[int]":
        """Queue lines; the future holds the sequence number of the first once all are durable, or `NotDurable`.

        Futures are fulfilled by the writing thread, in the order of the log.

        Raises:
            NotDurable: Too much waits for the disk already, or the log is closed.
        """
        if not lines or any(b"\n" in line for line in lines):
            raise ValueError("lines are at least one, each without a line break")
        return self._enqueue(_Wanted(lines, framed(lines)))

    def append(self, lines: Sequence[bytes], timeout: float | None = None) -> int:
        """Write lines and wait until they are durable; returns the sequence number of the first.

        Raises:
            NotDurable: The disk is full, fails or does not answer in time (seconds; they may be kept later then).
        """
        return durable(self.submit(lines), self.limits.timeout_seconds if timeout is None else timeout)

    def rotate(self) -> None:
        """Close the segment being written, so that landing may take it; nothing where it is empty."""
        durable(self._enqueue(_Wanted((), b"")), self.limits.timeout_seconds)

    def closed_segments(self) -> list[Segment]:
        """Segments that will never change, in order."""
        return [segment for segment in segments_in(self.folder) if segment.last is not None]

    def read(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """Durable lines behind a sequence number, each with its own, in order. Raises `RunFailed` for a corrupt one."""
        end = self.last
        for sequence, line in read_log(self.folder, after):
            if sequence > end:
                return
            yield sequence, line

    def close(self) -> None:
        """Write what is queued and let the log go. A disk that hangs is not waited for longer than the timeout."""
        with self._wake:
            self._ending = True
            self._wake.notify()
        self._thread.join(self.limits.timeout_seconds)
        if not self._thread.is_alive():
            self._lock.release()

    def _enqueue(self, wanted: _Wanted) -> "Future[int]":
        with self._wake:
            if self._ending or not self._thread.is_alive():
                raise NotDurable("the event log is closed")
            if self._queued_bytes and self._queued_bytes + len(wanted.framed) > self.limits.queued_bytes:
                raise NotDurable("the disk of the event log does not keep up, too much waits for it: try again")
            self._queued_bytes += len(wanted.framed)
            self._queue.append(wanted)
            self._wake.notify()
        return wanted.done

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._queue or self._ending, timeout=self._writer.seconds_left())
                group, ending = list(self._queue), self._ending
                self._queue.clear()
            if group:
                self._write(group)
                with self._wake:
                    self._queued_bytes -= sum(len(wanted.framed) for wanted in group)
            elif ending:
                self._writer.let_go()
                return
            self._writer.close_if_due()

    def _write(self, group: list[_Wanted]) -> None:
        """Make a group durable with one sync, then fulfil its futures; all of it or nothing is kept."""
        first = self._writer.last + 1
        lines = sum(len(wanted.lines) for wanted in group)
        try:
            if lines:
                self._writer.write(b"".join(wanted.framed for wanted in group), lines)
            if any(not wanted.lines for wanted in group):
                self._writer.close_segment()
        except OSError as error:
            # Written lines stay durable where only closing failed.
            kept = self._writer.last >= first
            for wanted in group:
                if not (kept and wanted.lines):
                    wanted.done.set_exception(_not_durable(error))
            group = [wanted for wanted in group if kept and wanted.lines]
        for wanted in group:
            wanted.done.set_result(first)
            first += len(wanted.lines)


def durable(promised: "Future[int]", timeout: float) -> int:
    """Wait (seconds) for what `EventLog.submit` promised. Raises `NotDurable` when it failed or did not come in time."""
    try:
        return promised.result(timeout)
    except OutOfTime:
        raise NotDurable(
            f"the disk of the event log did not answer within {timeout:g} s: "
            "send the events again with the same event_id"
        ) from None


def _not_durable(error: OSError) -> NotDurable:
    return NotDurable(f"the event log could not be written ({error.strerror}): nothing of it was kept; try again")
