"""Segments of the event log: what a line looks like on disk, how lines are read, what becomes of a torn end.

A line is `crc32 json`, the checksum as eight hexadecimal digits. A segment is named after the sequence numbers that it
holds; the one being written has no last number yet.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4
from zlib import crc32

from ml.errors import RunFailed
from ml.logs import get_logger

PREFIX = 9  # the checksum and the space
logger = get_logger(__name__)


@dataclass(frozen=True, order=True)
class Segment:
    """One file of the log. Closed ones never change."""

    first: int  # sequence number of its first line
    last: int | None  # of its last; None: still written
    path: Path

    @classmethod
    def opened(cls, folder: Path, first: int) -> "Segment":
        """The segment that is written from `first` on."""
        return cls(first, None, folder / f"{first:020d}.open")

    def closed(self, last: int) -> "Segment":
        """The same, named for good."""
        return Segment(self.first, last, self.path.with_name(f"{self.first:020d}-{last:020d}.log"))


def framed(lines: Iterable[bytes]) -> bytes:
    """Lines as they stand on disk."""
    return b"".join(b"%08x %b\n" % (crc32(line), line) for line in lines)


def segments_in(folder: Path) -> list[Segment]:
    """All segments of a folder, in order."""
    found = []
    for path in folder.glob("*.log"):
        first, last = path.stem.split("-")
        found.append(Segment(int(first), int(last), path))
    found += [Segment(int(path.stem), None, path) for path in folder.glob("*.open")]
    return sorted(found, key=lambda segment: segment.first)


def content(framed_line: bytes) -> bytes | None:
    """What a line says; None: it is torn or its checksum is another."""
    if not framed_line.endswith(b"\n") or framed_line[8:PREFIX] != b" ":
        return None
    line = framed_line[PREFIX:-1]
    return line if framed_line[:8] == b"%08x" % crc32(line) else None


def lines_of(segment: Segment) -> Iterator[bytes]:
    """The lines of a segment; of one being written, those that are whole. Raises `RunFailed` where one is corrupt."""
    offset = found = 0
    with segment.path.open("rb") as stream:
        for framed_line in stream:
            line = content(framed_line)
            if line is None:
                # The end of a segment being written may be half a line; what follows is not looked at, since the
                # writer may add to it meanwhile.
                if segment.last is None and (not framed_line.endswith(b"\n") or not _anything_valid(stream)):
                    return
                raise _corrupt(segment.path, offset)
            yield line
            offset += len(framed_line)
            found += 1
    if segment.last is not None and found != segment.last - segment.first + 1:
        raise RunFailed(
            f"{segment.path} is cut short at byte {offset}: it holds {found} lines of those that its name tells. "
            "Put the file back from a backup"
        )


def read_log(folder: Path, after: int = 0) -> Iterator[tuple[int, bytes]]:
    """Lines of a log behind a sequence number, each with its own, whoever writes it.

    A log may begin later than with 1, where its first segments were put into an archive.

    Raises:
        RunFailed: One is corrupt, or some are missing in between.
    """
    at = after
    while (segment := _holding(folder, at + 1)) is not None:
        if at and segment.first > at + 1:
            raise RunFailed(f"{folder} lacks the lines {at + 1} to {segment.first - 1}: put that segment back")
        try:
            for sequence, line in enumerate(lines_of(segment), segment.first):
                if sequence > at:
                    yield sequence, line
                    at = sequence
        except FileNotFoundError:
            continue  # it was closed, and so renamed, between the look at the folder and the reading
        if segment.last is None:
            return
        at = max(at, segment.last)


def recover(segment: Segment) -> tuple[int, int]:
    """Cut off what a killed process left half-written; returns (whole lines, bytes that they take).

    What is cut off was never acknowledged: it is kept beside, as `.torn`. A corrupt line with valid ones behind it is
    another matter: those behind may have been acknowledged.

    Raises:
        RunFailed: A line in the middle is corrupt.
    """
    lines = size = 0
    with segment.path.open("r+b") as stream:
        for framed_line in stream:
            if content(framed_line) is None:
                break
            lines, size = lines + 1, size + len(framed_line)
        else:
            return lines, size
        if _anything_valid(stream):
            raise _corrupt(segment.path, size)
        stream.seek(size)
        _keep_torn(segment.path, size, stream.read())
        stream.truncate(size)
        os.fsync(stream.fileno())
    return lines, size


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def identity_of(folder: Path) -> str:
    """Which log it is: drawn once, so that a store can tell whose entries it holds."""
    path = folder / "identity"
    if not path.exists():
        beside = path.with_suffix(".new")
        with beside.open("w") as stream:
            stream.write(uuid4().hex)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
        sync_folder(folder)
    return path.read_text()


def _holding(folder: Path, sequence: int) -> Segment | None:
    """The first segment that may hold a sequence number or one behind it."""
    return next((each for each in segments_in(folder) if each.last is None or each.last >= sequence), None)


def _anything_valid(rest: Iterable[bytes]) -> bool:
    return any(content(line) is not None for line in rest)


def _keep_torn(path: Path, offset: int, torn: bytes) -> None:
    kept = path.with_name(f"{path.stem}@{offset}.torn")
    kept.write_bytes(torn)
    logger.warning("%s ended in a torn line at byte %d (never acknowledged): kept as %s", path, offset, kept.name)


def _corrupt(path: Path, offset: int) -> RunFailed:
    return RunFailed(
        f"{path} is corrupt at byte {offset}: the checksum of that line is wrong, and valid lines follow it. Put the "
        "file back from a backup, or take that line out of it and accept that the event is lost"
    )
