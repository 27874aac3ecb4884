"""The closed segments of a domain's event log, as what landing takes of it: events, and items that were told of."""

from collections.abc import Iterable, Iterator

from ml.serving.events import LiveEvent
from ml.serving.online.contract import user_key
from ml.serving.online.opening import log_folder
from ml.serving.online.records import Erase, ItemTold, Record, record_of
from ml.serving.online.segments import lines_of, segments_in


def closed_segments(domain: str) -> Iterator[Iterable[LiveEvent]]:
    """The events of each segment that will never change, in order, without those of users who were forgotten since.

    Raises:
        RunFailed: A line is corrupt: its segment was changed by somebody else.
    """
    forgotten = {
        record.user_key: sequence
        for segment in _closed(domain)
        for sequence, record in segment
        if isinstance(record, Erase)
    }
    for segment in _closed(domain):
        yield (
            record
            for sequence, record in segment
            if isinstance(record, LiveEvent) and sequence > forgotten.get(user_key(record), 0)
        )


def told_items(domain: str) -> Iterator[tuple[int, str, bytes]]:
    """What the closed segments tell of items, as `Store.items_since` returns it, every time that they were told of."""
    for segment in _closed(domain):
        for sequence, record in segment:
            if isinstance(record, ItemTold):
                yield sequence, record.item_id, record.told


def _closed(domain: str) -> Iterator[Iterator[tuple[int, Record]]]:
    for segment in segments_in(log_folder(domain)):
        if segment.last is not None:
            yield ((segment.first + at, record_of(line)) for at, line in enumerate(lines_of(segment)))
