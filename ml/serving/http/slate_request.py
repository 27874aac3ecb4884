"""The body of a request for a slate."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from ml.domains import Domain
from ml.serving.contract import SessionEvent, SlateRequest
from ml.serving.http.limits import MAXIMUM_CONTEXT, MAXIMUM_EXCLUDED, MAXIMUM_ID, MAXIMUM_K, MAXIMUM_SESSION
from ml.serving.http.reading import check_printable, decoded, happened_at, invalid

Id = Annotated[str, Meta(min_length=1, max_length=MAXIMUM_ID)]
Word = Annotated[str, Meta(max_length=MAXIMUM_ID)]


class ToldEvent(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What somebody did in the session that the slate is for."""

    item_id: Id
    event_type: Id
    occurred_at: Annotated[
        Annotated[datetime, Meta(tz=True)] | None, Meta(description="ISO 8601 with a zone; null: just now.")
    ] = None


class SlateBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One slate wanted."""

    placement: Annotated[Id, Meta(description="Where it will stand; the domain declares the placements.")]
    user_id: Annotated[Id | None, Meta(description="Null: nobody signed in.")] = None
    session_id: Id | None = None
    session: Annotated[list[ToldEvent], Meta(max_length=MAXIMUM_SESSION, description="Earliest first or not.")] = []
    k: Annotated[
        Annotated[int, Meta(ge=1, le=MAXIMUM_K)] | None, Meta(description="Items wanted; null: as the placement says.")
    ] = None
    anchor: Annotated[Id | None, Meta(description="The item whose page it is.")] = None
    context: Annotated[
        dict[Word, Word], Meta(max_length=MAXIMUM_CONTEXT, description="Such as device and channel.")
    ] = {}
    exclude: Annotated[list[Id], Meta(max_length=MAXIMUM_EXCLUDED, description="Items that may not be in it.")] = []


_DECODER = msgspec.json.Decoder(SlateBody)


def read_slate_request(body: bytes, domain: Domain, now: int) -> SlateRequest:
    """What a body asks for; raises `Refused` with the field at fault.

    Args:
        body: JSON.
        domain: It says which placements and event types there are.
        now: Microseconds since 1970 UTC.
    """
    told = decoded(_DECODER, body)
    _check_names(told, domain)
    _check_text(told)
    return SlateRequest(
        placement=told.placement,
        k=told.k,
        user_id=told.user_id,
        session_id=told.session_id,
        session=[_session_event(event, place, domain, now) for place, event in enumerate(told.session)],
        anchor=told.anchor,
        context=told.context,
        exclude=told.exclude,
    )


def _check_names(told: SlateBody, domain: Domain) -> None:
    if told.placement not in domain.placements:
        known = ", ".join(sorted(domain.placements))
        raise invalid("placement", f"there is no placement {told.placement!r}", f"Name one of: {known}.")


def _check_text(told: SlateBody) -> None:
    for field in ("user_id", "session_id", "anchor"):
        check_printable(getattr(told, field), field)
    for place, item_id in enumerate(told.exclude):
        if not item_id.isprintable():
            check_printable(item_id, f"exclude[{place}]")
    for name, value in told.context.items():
        check_printable(name, "context")
        check_printable(value, f"context.{name}")


def _session_event(event: ToldEvent, place: int, domain: Domain, now: int) -> SessionEvent:
    field = f"session[{place}]"
    check_event_type(event.event_type, domain, f"{field}.event_type")
    check_printable(event.item_id, f"{field}.item_id")
    return SessionEvent(event.item_id, event.event_type, happened_at(event.occurred_at, now, f"{field}.occurred_at"))


def check_event_type(event_type: str, domain: Domain, field: str) -> None:
    """Refuse an event that the domain does not declare."""
    if event_type not in domain.data_rules.event_types:
        known = ", ".join(domain.data_rules.event_types)
        raise invalid(field, f"there is no event type {event_type!r}", f"Send one of: {known}.")
