"""Events as serving takes them in: the landing contract's columns, typed, and as one line of JSON."""

from typing import Self

import msgspec


class LiveEvent(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):  # all since the sealing are held
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
        return msgspec.json.encode(self)

    @classmethod
    def of_line(cls, line: bytes) -> Self:
        """What `line` wrote; raises `msgspec.DecodeError` for anything else."""
        return msgspec.json.decode(line, type=cls)
