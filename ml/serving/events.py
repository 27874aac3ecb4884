"""Events as serving takes them in: the landing contract's columns, typed, and as one line of JSON."""

import json
from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)  # all since the sealing are held
class LiveEvent:
    """One event of the contract (`ml.data.schema.INTERACTIONS`), checked."""

    event_id: str
    session_id: str
    item_id: str
    event_type: str
    occurred_at: int  # microseconds since 1970 UTC
    user_id: str | None = None  # None: anonymous, known by the session alone
    value: float | None = None
    quantity: float | None = None
    seconds: float | None = None
    discount: float | None = None
    place_id: str | None = None
    device: str | None = None
    channel: str | None = None
    slate_id: str | None = None

    def line(self) -> bytes:
        """JSON without what is not known, and without a line break."""
        told = {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def of_line(cls, line: bytes) -> Self:
        """What `line` wrote; raises `ValueError` (no JSON) or `TypeError` (a field is missing)."""
        told: dict[str, Any] = json.loads(line)
        return cls(**{name: told[name] for name in _NAMES & told.keys()})


_NAMES = {each.name for each in fields(LiveEvent)}
