"""One line a request on standard error, for machines or for people; never who asked."""

import sys
import threading
import time
import traceback
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

import msgspec

from ml.serving.beside import let_slates_first

MOST_WAITING = 100_000  # lines: beyond that the oldest go, since the disk hangs and memory is no place for them


@dataclass
class Entry:
    """What is told of one request; filled while it is answered."""

    route: str = "unknown"  # the address as declared: the one asked for may name a user
    status: int = 0
    ms: float = 0.0
    domain: str | None = None
    slate_id: str | None = None
    model_version: int | None = None
    degraded: str | None = None
    error_id: str | None = None


class RequestLog:
    """Writes entries.

    Args:
        stream: Where to; None: standard error, whichever that is at the time.
        human: For people, in place of JSON.
        within: Seconds for which lines may wait for a thread that writes them: a disk may hold up whoever writes to it,
            and nobody may hold up the event loop. 0: they are written at once.
    """

    def __init__(self, stream: TextIO | None = None, *, human: bool = False, within: float = 0.0) -> None:
        self._stream, self._human, self._within = stream, human, within
        self._waiting: deque[str] = deque(maxlen=MOST_WAITING)
        self._writing, self._wake = threading.Lock(), threading.Event()
        if within:
            threading.Thread(target=self._run, name="request-log", daemon=True).start()

    def write(self, entry: Entry) -> None:
        """One request."""
        told = {name: value for name, value in vars(entry).items() if value is not None}
        if self._human:
            further = " ".join(f"{name}={value}" for name, value in told.items() if name not in _FIRST)
            self._line(
                f"{time.strftime('%H:%M:%S')} {entry.status} {entry.ms:8.2f} ms {entry.route} {further}".rstrip()
            )
        else:
            self._line(msgspec.json.encode({"time": _now(), **told}).decode())

    def failure(self, error_id: str, error: BaseException) -> None:
        """What went wrong, where. Without the message, which may quote whom the request was about."""
        at = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
        told = {"time": _now(), "error_id": error_id, "error": type(error).__name__, "at": at[-12:]}
        self._line(f"{told}" if self._human else msgspec.json.encode(told).decode())

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:
            lines = "".join(f"{self._waiting.popleft()}\n" for _ in range(len(self._waiting)))
            stream = self._stream or sys.stderr
            # A full disk under the log, or its reader is gone: requests are answered all the same.
            with suppress(OSError):
                stream.write(lines)
                stream.flush()

    def _line(self, line: str) -> None:
        self._waiting.append(line)
        if self._within:
            self._wake.set()
        else:
            self.flush()

    def _run(self) -> None:
        let_slates_first()
        while self._wake.wait():
            time.sleep(self._within)
            self._wake.clear()
            self.flush()


_FIRST = ("route", "status", "ms")


def _now() -> str:
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds // 1_000_000:03d}Z"
