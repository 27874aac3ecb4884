"""JSON of strangers: decoded to what is declared, or refused with the field at fault."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from ml.serving.http.answers import Refused
from ml.serving.http.limits import MAXIMUM_AHEAD, MAXIMUM_ID

T = TypeVar("T")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
UNPROCESSABLE = 422
_PLACE = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_NAMED = re.compile(r"(?P<problem>missing required|contains unknown) field `(?P<name>.*)`$", re.DOTALL)


def decoded(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """A body as the decoder declares it; raises `Refused` (400: no JSON, 422: not what is declared)."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _not_as_declared(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refused(400, None, "the body is no JSON", "Send one JSON document in UTF-8.") from None


def _not_as_declared(message: str) -> Refused:
    place = _PLACE.search(message)
    path = place["path"] if place else ""
    problem = message[: place.start()] if place else message
    named = _NAMED.search(problem)
    if named is None:
        return invalid(path or None, problem, "Correct it as /docs describes.")
    name = named["name"][:MAXIMUM_ID]
    full = f"{path}.{name}" if path else name
    if named["problem"] == "missing required":
        return invalid(full, f"{full!r} is missing", f"Add {full!r}.")
    return invalid(full, f"unknown field {full!r}", f"Leave {full!r} out: /docs lists the fields there are.")


def invalid(field: str | None, message: str, remedy: str) -> Refused:
    """422."""
    return Refused(UNPROCESSABLE, field, message, remedy)


def check_printable(value: str | None, field: str) -> None:
    """Refuse control characters, NUL among them, and what no text may hold."""
    if value is not None and not value.isprintable():
        raise invalid(field, f"{field!r} holds characters that cannot be printed", f"Send {field!r} without them.")


def checked_id(value: str, field: str) -> str:
    """An id out of an address: 1 to 256 printable characters."""
    if not 1 <= len(value) <= MAXIMUM_ID:
        raise invalid(field, f"{field!r} has {len(value)} characters", f"Send 1 to {MAXIMUM_ID}.")
    check_printable(value, field)
    return value


def microseconds(moment: datetime) -> int:
    """Since 1970 UTC; the moment has a zone."""
    return (moment - EPOCH) // MICROSECOND


def happened_at(moment: datetime | None, now: int, field: str) -> int:
    """When an event happened, in microseconds since 1970 UTC; refuses what no clock that is about right would say.

    Args:
        moment: With a zone; None: now.
        now: Microseconds since 1970 UTC, by the clock of the slates.
        field: The part of the request that says so.
    """
    if moment is None:
        return now
    at = microseconds(moment)
    if at < 0:
        raise invalid(field, f"{field!r} lies before 1970", "Send the moment at which it happened.")
    if at > max(now, time.time_ns() // 1_000) + MAXIMUM_AHEAD:
        raise invalid(field, f"{field!r} lies more than a day ahead", "Set the sender's clock, and send UTC.")
    return at


def schema_of(kind: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """JSON Schema of what is decoded, and the components that it refers to."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    return schema, components
