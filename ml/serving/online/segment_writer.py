"""Writing the open segment of an event log: all of a group durable or nothing of it, and closing for good."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ml.logs import get_logger
from ml.serving.online.segments import Segment, recover, segments_in, sync_folder

MEBIBYTE = 1 << 20
logger = get_logger(__name__)


@dataclass(frozen=True)
class LogLimits:
    """When a segment is closed, and how much may wait for the disk."""

    segment_bytes: int = 64 * MEBIBYTE
    segment_seconds: float = 900.0
    queued_bytes: int = 64 * MEBIBYTE
    timeout_seconds: float = 5.0  # how long a caller waits for the disk


class SegmentWriter:
    """Finds where the log ends and writes on from there; used by one thread.

    Args:
        folder: The log's.
        limits: Of segments.
        sync: Makes a file descriptor's content durable.

    Raises:
        RunFailed: A line in the middle of the open segment is corrupt.
    """

    def __init__(self, folder: Path, limits: LogLimits, sync: Callable[[int], None]) -> None:
        self.folder, self.limits, self._sync = folder, limits, sync
        found = segments_in(folder)
        self._size = 0  # bytes of the open segment that are durable
        if found and found[-1].last is None:
            self._segment = found[-1]
            lines, self._size = recover(self._segment)
            self.last = self._segment.first + lines - 1
        else:
            self.last = (found[-1].last or 0) if found else 0
            self._segment = Segment.opened(folder, self.last + 1)
        self._descriptor: int | None = None
        self._since = time.monotonic()

    def write(self, data: bytes, lines: int) -> None:
        """Add lines and sync; raises `OSError`, and then nothing of them is kept."""
        descriptor = self._opened()
        try:
            # What an earlier failure may have left behind the durable part goes first.
            os.ftruncate(descriptor, self._size)
            view, offset = memoryview(data), self._size
            while view:
                written = os.pwrite(descriptor, view, offset)
                view, offset = view[written:], offset + written
            self._sync(descriptor)
        except OSError:
            self._undo(descriptor)
            raise
        self._size += len(data)
        self.last += lines

    def seconds_left(self) -> float | None:
        """Until the open segment is due to be closed for its age; None: it is empty."""
        return max(0.0, self._since + self.limits.segment_seconds - time.monotonic()) if self._size else None

    def close_if_due(self) -> None:
        """Close a segment that is large or old enough; where that fails it is written on."""
        if self._size < self.limits.segment_bytes and self.seconds_left() != 0.0:
            return
        try:
            self.close_segment()
        except OSError as error:
            self._since = time.monotonic()  # so that the next try is not at once
            logger.warning("%s could not be closed (%s): it is written on", self._segment.path, error)

    def close_segment(self) -> None:
        """Give the open segment its name for good, where it holds anything. Raises `OSError`."""
        if not self._size:
            return
        os.fsync(self._opened())
        self._segment.path.rename(self._segment.closed(self.last).path)
        self.let_go()
        self._segment, self._size = Segment.opened(self.folder, self.last + 1), 0
        sync_folder(self.folder)

    def let_go(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _opened(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self._segment.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            self._since = time.monotonic()
            sync_folder(self.folder)
        return self._descriptor

    def _undo(self, descriptor: int) -> None:
        try:
            os.ftruncate(descriptor, self._size)
        except OSError as error:
            logger.warning("%s could not be cut back (%s): the next write does it", self._segment.path, error)
