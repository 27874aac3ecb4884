"""What serving is asked and what it answers: the one shape for HTTP, Python and batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ml.errors import RunFailed
from ml.reranking.choice import Choice

# How far an answer had to step back, from the least to the most.
RETRIEVER_LEFT_OUT, NOT_LIVE, CACHED_SLATE, SEGMENT_POPULARITY = (
    "retriever_left_out", "features_not_live", "cached_slate", "segment_popularity",
)  # fmt: skip


@dataclass(frozen=True)
class SessionEvent:
    """What somebody did in the session that a slate is for, told with the request."""

    item_id: str
    event_type: str
    occurred_at: int  # microseconds since 1970 UTC


@dataclass(frozen=True)
class SlateRequest:
    """One slate wanted."""

    placement: str
    k: int | None = None  # None: the size that the placement declares
    user_id: str | None = None  # None: nobody signed in
    session_id: str | None = None
    session: Sequence[SessionEvent] = ()
    anchor: str | None = None  # the item whose page it is
    context: Mapping[str, str] = field(default_factory=dict)  # device, channel, … for the log of impressions
    exclude: Sequence[str] = ()
    choice: Choice = field(default_factory=Choice)


class ServedItem(msgspec.Struct, frozen=True):
    """One place of a served slate."""

    item_id: str
    position: int  # from 1
    score: float | None  # the ranker's; None: it was no candidate of the ranker
    propensity: float  # P(this item at this place | request), after all rules
    sources: tuple[str, ...]  # the retrievers that found it
    reasons: tuple[str, ...]
    explored: bool = False  # drawn by chance


class ServedSlate(msgspec.Struct, frozen=True):
    """What one request is answered with, and all that its impression needs."""

    slate_id: str
    domain: str
    placement: str
    user_id: str | None
    model_version: int
    degraded: str | None  # one of the steps above; None: nothing was left out
    items: tuple[ServedItem, ...]
    shown_at: int  # microseconds since 1970 UTC: the moment of the request
    shortfall: str | None = None  # why there are fewer items than were asked for
    removed: Mapping[str, int] = {}  # candidates that each step took away
    rules: tuple[str, ...] = ()  # of eligibility that took any, as `id@version`
    timings_ms: Mapping[str, float] = {}  # by stage
    features_as_of: int = 0  # microseconds since 1970 UTC: what the user did until then is in it
    session_id: str | None = None
    context: Mapping[str, str] = {}

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return told


class Overloaded(RunFailed):
    """So much is asked that not even the cheap path would answer in time."""
