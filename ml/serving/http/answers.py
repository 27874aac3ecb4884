"""Answers as bytes, and the one shape of everything that is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ml.serving.contract import ServedSlate

JSON = b"application/json"
Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Answer:
    """What one request is answered with."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[Header, ...] = ()


@dataclass(eq=False)
class Refused(Exception):
    """A request that is not answered, and what its sender can do about it.

    Attributes:
        status: Of HTTP.
        field: The part of the request at fault, such as `session[3].item_id`; None: none alone.
        message: What is wrong.
        remedy: What to do.
        retry_after: Seconds after which the same request may be sent again; None: it would fail again.
        headers: Further headers.
    """

    status: int
    field: str | None
    message: str
    remedy: str
    retry_after: int | None = None
    headers: tuple[Header, ...] = ()

    def answer(self) -> Answer:
        """As JSON."""
        error = {"field": self.field, "message": self.message, "remedy": self.remedy}
        retry = () if self.retry_after is None else ((b"retry-after", str(self.retry_after).encode()),)
        return Answer(self.status, msgspec.json.encode({"error": error}), headers=(*self.headers, *retry))


def as_json(value: Mapping[str, Any] | list[dict[str, Any]]) -> Answer:
    """200 with a value."""
    return Answer(200, msgspec.json.encode(value))


def of_slate(slate: ServedSlate) -> Answer:
    """200 with a slate: what its sender may know, which leaves out who it was for."""
    items = [
        {
            "item_id": item.item_id,
            "position": item.position,
            "score": item.score,
            "propensity": item.propensity,
            "sources": item.sources,
            "reasons": item.reasons,
        }
        for item in slate.items
    ]
    return as_json(
        {
            "slate_id": slate.slate_id,
            "model_version": slate.model_version,
            "degraded": slate.degraded,
            "items": items,
            "timings_ms": dict(slate.timings_ms),
            "features_as_of": slate.features_as_of,
            "shortfall": slate.shortfall,
            "removed": dict(slate.removed),
            "rules": slate.rules,
        }
    )
