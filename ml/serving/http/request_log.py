"""One line a request on standard error, for machines or for people; never who asked."""

import asyncio
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

import msgspec


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
        within: Seconds for which lines may wait to be written together: each writing lets other threads go first.
    """

    def __init__(self, stream: TextIO | None = None, *, human: bool = False, within: float = 0.0) -> None:
        self._stream, self._human, self._within = stream, human, within
        self._waiting: list[str] = []

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

    def _line(self, line: str) -> None:
        self._waiting.append(line)
        if not self._within:
            self.flush()
        elif len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(self._within, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        lines, self._waiting = "".join(f"{line}\n" for line in self._waiting), []
        stream = self._stream or sys.stderr
        with suppress(OSError):  # a full disk under the log, or its reader is gone: requests are answered all the same
            stream.write(lines)
            stream.flush()


_FIRST = ("route", "status", "ms")


def _now() -> str:
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds // 1_000_000:03d}Z"
