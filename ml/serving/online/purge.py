"""Taking what erased users did out of the event log itself: the one change that a closed segment may see."""

import os
from collections.abc import Collection
from pathlib import Path

from ml.serving.events import LiveEvent
from ml.serving.online.contract import user_key
from ml.serving.online.records import Erase, Purged, line_of, record_of
from ml.serving.online.segments import Segment, framed, lines_of, read_log, segments_in, sync_folder


def purge(folder: Path, user_keys: Collection[str]) -> int:
    """Replace these users' events before their last erasure by notes, in closed segments; returns how many.

    Numbers stay as they are, and so does what users did who came back. A segment is written beside and renamed, so
    that a purge killed midway is done by the next.
    """
    wanted = set(user_keys)
    erased_at = {}
    for sequence, line in read_log(folder):
        if b'"note"' in line and isinstance(record := record_of(line), Erase) and record.user_key in wanted:
            erased_at[record.user_key] = sequence
    return sum(_purge_segment(each, erased_at) for each in segments_in(folder) if each.last is not None)


def _purge_segment(segment: Segment, erased_at: dict[str, int]) -> int:
    lines = list(lines_of(segment))
    purged = 0
    for at, line in enumerate(lines):
        record = record_of(line)
        if isinstance(record, LiveEvent) and segment.first + at < erased_at.get(user_key(record), 0):
            lines[at], purged = line_of(Purged()), purged + 1
    if purged:
        beside = segment.path.with_suffix(".new")
        with beside.open("wb") as stream:
            stream.write(framed(lines))
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(segment.path)
        sync_folder(segment.path.parent)
    return purged
