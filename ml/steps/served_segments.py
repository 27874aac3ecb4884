"""The closed segments of a domain's event log, read as events: what landing takes of it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from zlib import crc32

from ml.errors import RunFailed
from ml.serving.events import LiveEvent
from ml.settings import settings

_CHECKSUM = 8  # hexadecimal digits before a space and the line's JSON


def closed_segments(domain: str) -> Iterator[Iterable[LiveEvent]]:
    """The events of each segment that will never change, in order; notes beside events are left out.

    Raises:
        RunFailed: A line is corrupt: its segment was changed by somebody else.
    """
    for path in sorted((settings().domain_path("serving", domain) / "events").glob("*.log")):
        yield _events_of(path)


def _events_of(path: Path) -> Iterator[LiveEvent]:
    with path.open("rb") as stream:
        for number, framed in enumerate(stream, start=1):
            line = framed[_CHECKSUM + 1 :].removesuffix(b"\n")
            if framed[: _CHECKSUM + 1] != b"%08x " % crc32(line):
                raise RunFailed(f"{path}, line {number} is corrupt: restore the segment from a copy, then land again")
            if not line.startswith(b'{"note":'):  # of erasures and items; events have no such field
                yield LiveEvent.of_line(line)
