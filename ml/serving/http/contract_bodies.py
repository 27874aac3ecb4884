"""Bodies that are rows of the landing contract: events, and what is told of an item."""

import math
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ml.data.schema import DOUBLE, INTERACTIONS, ITEMS, TIMESTAMP, VARCHAR
from ml.domains import Domain
from ml.serving.events import LiveEvent
from ml.serving.http.answers import Refused
from ml.serving.http.limits import MAXIMUM_ATTRIBUTES, MAXIMUM_EVENTS, MAXIMUM_ID, MAXIMUM_TEXT, MICROSECONDS
from ml.serving.http.reading import check_printable, decoded, happened_at, invalid, microseconds
from ml.serving.http.slate_request import Id, Word, check_event_type

Moment = Annotated[datetime, Meta(tz=True, description="ISO 8601 with a zone.")]
Text = Annotated[str, Meta(max_length=MAXIMUM_TEXT)]
Attributes = Annotated[
    dict[Word, Text | int | float | bool | None],
    Meta(max_length=MAXIMUM_ATTRIBUTES, description="Further facts, each a text, a number, true or false."),
]
NEEDED = ("event_id", "item_id", "event_type")  # without occurred_at, an event happens now
HOUR = 3600 * MICROSECONDS
_EVENT_TYPES: dict[str, Any] = {VARCHAR: Id, DOUBLE: float, TIMESTAMP: Moment}
_ITEM_TYPES: dict[str, Any] = {VARCHAR: Text, DOUBLE: float, TIMESTAMP: Moment}


def _event_body() -> Any:
    types = {name: _EVENT_TYPES[kind] for name, kind in INTERACTIONS.columns.items()}
    optional = [(name, kind | None, None) for name, kind in types.items() if name not in NEEDED]
    fields: list[Any] = [*((name, types[name]) for name in NEEDED), *optional]
    return msgspec.defstruct("Event", fields, forbid_unknown_fields=True, frozen=True, module=__name__)


def _item_body() -> Any:
    types = {name: _ITEM_TYPES[kind] for name, kind in ITEMS.columns.items() if name != "item_id"}
    types["attributes"] = Attributes
    fields: list[Any] = [(name, kind | None | UnsetType, UNSET) for name, kind in types.items()]
    return msgspec.defstruct("Item", fields, forbid_unknown_fields=True, frozen=True, module=__name__)


EVENT = _event_body()
EVENTS: Any = Annotated[list[EVENT], Meta(min_length=1, max_length=MAXIMUM_EVENTS)]  # type: ignore[valid-type]
ITEM = _item_body()
_EVENT_DECODER: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(EVENT)
_EVENTS_DECODER: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(EVENTS)
_ITEM_DECODER: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(ITEM)


def read_events(body: bytes, domain: Domain, now: int) -> list[LiveEvent]:
    """The events of a body, one object or a list; raises `Refused`, and then none of them is to be taken in.

    Args:
        body: JSON.
        domain: It says which event types there are, and when its day begins.
        now: Microseconds since 1970 UTC.
    """
    if body.lstrip()[:1] != b"[":
        return [_live(decoded(_EVENT_DECODER, body), "", domain, now)]
    told = decoded(_EVENTS_DECODER, body)
    return [_live(event, f"[{place}].", domain, now) for place, event in enumerate(told)]


def _live(told: Any, at: str, domain: Domain, now: int) -> LiveEvent:
    """The event checked, `at` being where it stands in the body."""
    columns = msgspec.structs.asdict(told)
    if told.user_id is None and told.session_id is None:
        raise invalid(f"{at}session_id", "the event names neither a user nor a session", "Add user_id or session_id.")
    check_event_type(told.event_type, domain, f"{at}event_type")
    for name, value in columns.items():
        if isinstance(value, str):
            check_printable(value, f"{at}{name}")
    columns["occurred_at"] = happened_at(told.occurred_at, now, f"{at}occurred_at")
    if told.session_id is None:
        columns["session_id"] = _session_of_the_day(told.user_id, columns["occurred_at"], domain, f"{at}user_id")
    return LiveEvent(**columns)


def _session_of_the_day(user_id: str, at: int, domain: Domain, field: str) -> str:
    """What a user did on one day, as the marts group the events of a source without sessions."""
    day = math.floor((at / HOUR - domain.protocol.day_starts_at_hour) / 24)
    session_id = f"{user_id}/{day}"
    if len(session_id) > MAXIMUM_ID:
        raise invalid(field, f"{field!r} is too long to name a session after", "Send a session_id.")
    return session_id


def read_item(body: bytes) -> dict[str, Any]:
    """What is told of an item, by column of the contract; raises `Refused`."""
    told = msgspec.structs.asdict(decoded(_ITEM_DECODER, body))
    fields = {name: _as_column(name, value) for name, value in told.items() if value is not UNSET}
    if not fields:
        raise Refused(422, None, "the item tells nothing", f"Send any of: {', '.join(told)}.")
    return fields


def _as_column(name: str, value: Any) -> Any:
    """As the contract keeps it: times in microseconds since 1970 UTC, attributes as JSON."""
    if isinstance(value, datetime):
        return microseconds(value)
    texts = [*value, *value.values()] if isinstance(value, dict) else [value]
    if any(isinstance(text, str) and "\0" in text for text in texts):
        raise invalid(name, f"{name!r} holds a NUL character", f"Send {name!r} without it.")
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else value
