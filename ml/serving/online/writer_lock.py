"""One process writes; a second is told who does."""

import fcntl
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from ml.errors import BadInput


class WriterLock:
    """Held until released or until the process ends, however it ends. Raises `BadInput` where another process has it."""

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 1000, 0).decode(errors="replace").strip() or "another process"
            self.release()
            raise BadInput(
                f"{path.parent} is written by {holder}: one process writes the events of a domain. Stop that one, "
                "or open this one as a reader"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, _who().encode(), 0)

    def release(self) -> None:
        """Let another process write."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # a process being started may hold a copy of the descriptor
            os.close(self._descriptor)
            self._descriptor = None


def _who() -> str:
    return f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n"
