"""What a line of the event log may say: an event, or a note about users and items that a rebuild has to follow."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ml.errors import RunFailed
from ml.serving.events import LiveEvent

NOTE = "note"  # the key by which a note is told from an event


@dataclass(frozen=True)
class Erase:
    """Everything accepted of this user up to here is forgotten."""

    user_key: str


@dataclass(frozen=True)
class ForgetErased:
    """These users are gone from all data: nobody has to remember any more that they were forgotten."""

    user_keys: tuple[str, ...]


@dataclass(frozen=True)
class ItemTold:
    """What was told of an item."""

    item_id: str
    told: bytes  # JSON


@dataclass(frozen=True)
class Purged:
    """The place of a line that was taken out of the log; it keeps its sequence number."""


Record = LiveEvent | Erase | ForgetErased | ItemTold | Purged


def line_of(record: Record) -> bytes:
    """One line of JSON without a line break; raises `UnicodeEncodeError` for text that is no Unicode."""
    match record:
        case LiveEvent():
            return record.line()
        case Erase(user_key):
            told: dict[str, object] = {NOTE: "erase", "user_key": user_key}
        case ForgetErased(user_keys):
            told = {NOTE: "forget_erased", "user_keys": user_keys}
        case ItemTold(item_id, content):
            told = {NOTE: "item", "item_id": item_id, "told": content.decode()}
        case Purged():
            told = {NOTE: "purged"}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def record_of(line: bytes) -> Record:
    """What `line_of` wrote; raises `RunFailed` where a line says something that this version does not know."""
    told = json.loads(line)
    match told.get(NOTE):
        case None:
            return LiveEvent.of_line(line)
        case "erase":
            return Erase(told["user_key"])
        case "forget_erased":
            return ForgetErased(tuple(told["user_keys"]))
        case "item":
            return ItemTold(told["item_id"], told["told"].encode())
        case "purged":
            return Purged()
        case other:
            raise RunFailed(f"the event log holds a note {other!r}, which this version of Slate does not know: update")


def events_among(records: Sequence[Record]) -> list[LiveEvent]:
    """The events, without notes."""
    return [record for record in records if isinstance(record, LiveEvent)]
