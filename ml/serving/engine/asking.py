"""From requests of people to requests of the model: R requests of U profiles put together as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np

from ml.data.arrays import Floats, Indices, Ints, Ragged
from ml.data.facts import FactTable
from ml.data.holdings import Spans
from ml.data.occurrences import Occurrences
from ml.data.requests import History, Requests
from ml.errors import BadInput
from ml.features.store import Snapshot, Table
from ml.serving.contract import SlateRequest
from ml.serving.engine.profile import Profile, Session
from ml.serving.engine.release import Plan, Release

NONE = np.zeros(0, np.int32)


@dataclass(frozen=True)
class Ask:
    """One request, understood: who, what for, and what is left out."""

    request: SlateRequest
    plan: Plan
    k: int
    profile: Profile
    session: Session
    exclude: Indices  # distinct, ascending; what is barred is not among them
    moment: int


def understood(release: Release, request: SlateRequest, profile: Profile, moment: int) -> Ask:
    """One request in the model's terms.

    Raises:
        BadInput: The placement is not declared, needs an item whose page it stands on, or has no use for one; or the
            number of items is out of bounds.
    """
    plan = release.plan(request.placement)
    k = plan.placement.size if request.k is None else request.k
    if not 1 <= k <= 100:
        raise BadInput(f"k: a slate holds 1 to 100 items; {k} were asked for")
    if plan.placement.anchored != (request.anchor is not None):
        needed = "stands beside an item: name it" if plan.placement.anchored else "stands beside no item: leave it out"
        raise BadInput(f"anchor: placement {request.placement!r} {needed}")
    return Ask(request, plan, k, profile, _session(release, request, profile), _left_out(release, request), moment)


def _left_out(release: Release, request: SlateRequest) -> Indices:
    left_out = [*request.exclude, *([request.anchor] if request.anchor is not None else [])]
    known = sorted({item for item in map(release.item, left_out) if item >= 0})
    return np.array(known, np.int32) if known else NONE


def _session(release: Release, request: SlateRequest, profile: Profile) -> Session:
    """The items of the current session, oldest first: as told, else as the store knows it; the anchor is the latest."""
    if request.session:
        weights = release.domain.event_weights  # a decline says nothing about liking
        liked = [event for event in request.session if weights.get(event.event_type, 0) > 0]
        told = sorted(liked, key=lambda event: event.occurred_at)
        items = [release.item(event.item_id) for event in told]
    else:
        items = list(profile.live_sessions.get(request.session_id or "", ()))
    if request.anchor is not None:
        items.append(release.item(request.anchor))
    return tuple(item for item in items if item >= 0)


@dataclass(frozen=True)
class Gathered(Snapshot):
    """The features of the users of one batch, found by their numbers, and those of all items."""

    numbers: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # (U,) ascending

    def user_rows(self, user: Indices) -> Floats:
        """(R, F) features of these users."""
        return self.user[np.searchsorted(self.numbers, user)]


@dataclass(frozen=True)
class Asked:
    """R requests as arrays, with the features of their users."""

    asks: Sequence[Ask]
    requests: Requests
    snapshot: Snapshot

    def take(self, rows: Sequence[int]) -> "Asked":
        """Some of the requests; the features stay together."""
        return Asked([self.asks[row] for row in rows], self.requests.take(np.array(rows, np.int64)), self.snapshot)


def put_together(release: Release, asks: Sequence[Ask]) -> Asked:
    """The arrays of some requests. Different users must have different numbers."""
    profiles = [ask.profile for ask in asks]
    distinct = sorted({profile.number: profile for profile in profiles}.values(), key=lambda profile: profile.number)
    requests = Requests(
        np.array([profile.number for profile in profiles], np.int32),
        np.array([ask.moment for ask in asks], np.int64),
        np.array([profile.place for profile in profiles], np.int32),
        _histories(profiles),
        ragged([np.array(ask.session, np.int32) for ask in asks]),
        _facts(profiles),
        ragged([NONE if profile.held is None else profile.held for profile in profiles]),
        None if profiles[0].barred is None else ragged([NONE if each.barred is None else each.barred for each in profiles]),
        _spans(profiles),
        _occurrences(distinct),
    )  # fmt: skip
    return Asked(asks, requests, _snapshot(release, distinct))


def ragged(rows: Sequence[Indices]) -> Ragged:
    """Rows side by side."""
    return Ragged(_offsets(rows), _joined(rows, np.int32))


def _offsets(rows: Sequence[np.ndarray]) -> Ints:
    return np.array([0, *accumulate(map(len, rows))], np.int64)


def _joined(parts: Sequence[np.ndarray], kind: type[np.generic]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.zeros(0, kind)


def _histories(profiles: Sequence[Profile]) -> History:
    histories = [profile.history for profile in profiles]
    if len(histories) == 1:
        return histories[0]
    names = ["item", "at", "session", "weight"]
    names += [name for name in ("kind", "value") if getattr(histories[0], name) is not None]
    columns = {name: np.concatenate([getattr(each, name) for each in histories]) for name in names}
    return History(np.array([0, *accumulate(len(each.item) for each in histories)], np.int64), **columns)


def _facts(profiles: Sequence[Profile]) -> FactTable:
    first = profiles[0].facts
    if not first.facts or len(profiles) == 1:
        return first
    return FactTable(first.facts, np.concatenate([profile.facts.values for profile in profiles]), first.categories)


def _spans(profiles: Sequence[Profile]) -> Spans | None:
    spans = [profile.spans for profile in profiles if profile.spans is not None]
    if len(spans) < len(profiles):
        return None
    if len(spans) == 1:
        return spans[0]
    item, since, until = (
        np.concatenate([getattr(each, name) for each in spans]) for name in ("item", "since", "until")
    )
    return Spans(np.array([0, *accumulate(len(each.item) for each in spans)], np.int64), item, since, until)


def _occurrences(distinct: Sequence[Profile]) -> dict[str, Occurrences]:
    found = {}
    for kind in distinct[0].occurrences:
        items, times = zip(*(profile.occurrences[kind] for profile in distinct), strict=True)
        users = np.repeat(np.array([profile.number for profile in distinct], np.int32), [len(each) for each in items])
        found[kind] = Occurrences(users, _joined(items, np.int32), _joined(times, np.int64))
    return found


def _snapshot(release: Release, distinct: Sequence[Profile]) -> Snapshot:
    sealed = release.bundle.snapshot
    rows = [profile.row for profile in distinct]
    numbers = np.array([profile.number for profile in distinct], np.int64)
    return Gathered(
        distinct[0].moment, sealed.user_names, _joined([row.user[None] for row in rows], np.float32), sealed.item_names,
        release.item_features.rows, sealed.category,
        _table(sealed.user_item, numbers, [row.pair_item for row in rows], [row.pair for row in rows]),
        _table(sealed.user_category, numbers, [row.category for row in rows], [row.by_category for row in rows]),
        sealed.placement, numbers,
    )  # fmt: skip


def _table(sealed: Table, numbers: Ints, right: Sequence[Indices], values: Sequence[Floats]) -> Table:
    left = numbers if len(numbers) == 1 else np.repeat(numbers, [len(each) for each in right])
    keys = left * sealed.width + _joined(right, np.int32)
    return Table(sealed.names, keys, sealed.width, _joined(values, np.float32))


def check_numbers(asks: Sequence[Ask]) -> None:
    """Raise `BadInput` where two users of a batch have one number: their rules must not mix."""
    keys: dict[int, str] = {}
    for ask in asks:
        if keys.setdefault(ask.profile.number, ask.profile.key) != ask.profile.key:
            raise BadInput("user_id: two users have one number; ask for them apart")
