"""One line a request on standard error, for machines or for people; never who asked."""

import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TextIO

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


Told = Entry | Mapping[str, Any]  # of a request, or of a failure


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
        self._waiting: deque[tuple[int, Told]] = deque(maxlen=MOST_WAITING)  # nanoseconds since 1970 UTC, and what
        self._writing, self._wake = threading.Lock(), threading.Event()
        if within:
            threading.Thread(target=self._run, name="request-log", daemon=True).start()

    def write(self, entry: Entry) -> None:
        """One request, of which nothing changes any more."""
        self._take(entry)

    def failure(self, error_id: str, error: BaseException) -> None:
        """What went wrong, where. Without the message, which may quote whom the request was about."""
        at = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
        self._take({"error_id": error_id, "error": type(error).__name__, "at": at[-12:]})

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:
            lines = "".join(self._line(*self._waiting.popleft()) for _ in range(len(self._waiting)))
            stream = self._stream or sys.stderr
            # A full disk under the log, or its reader is gone: requests are answered all the same.
            with suppress(OSError):
                stream.write(lines)
                stream.flush()

    def _take(self, told: Told) -> None:
        self._waiting.append((time.time_ns(), told))
        if not self._within:
            self.flush()
        elif not self._wake.is_set():
            self._wake.set()

    def _line(self, at: int, told: Told) -> str:
        """One line, made where nobody waits for it."""
        if not isinstance(told, Entry):
            told = {"time": _utc(at), **told}
            return f"{told}\n" if self._human else f"{msgspec.json.encode(told).decode()}\n"
        known = {name: value for name, value in vars(told).items() if value is not None}
        if not self._human:
            return f"{msgspec.json.encode({'time': _utc(at), **known}).decode()}\n"
        clock = time.strftime("%H:%M:%S", time.localtime(at / 1e9))
        further = " ".join(f"{name}={value}" for name, value in known.items() if name not in _FIRST)
        return f"{clock} {told.status} {told.ms:8.2f} ms {told.route} {further}".rstrip() + "\n"

    def _run(self) -> None:
        let_slates_first()
        while self._wake.wait():
            time.sleep(self._within)
            self._wake.clear()
            self.flush()


_FIRST = ("route", "status", "ms")


def _utc(at: int) -> str:
    seconds, nanoseconds = divmod(at, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds // 1_000_000:03d}Z"
