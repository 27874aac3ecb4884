"""Making profiles: what was sealed of a user, and what the online store knows that happened since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Indices, Ints, Ragged, is_among
from ml.data.dataset import requests_for
from ml.data.holdings import FOREVER, Holdings, Spans
from ml.data.occurrences import NEVER
from ml.data.requests import History
from ml.domains import Domain
from ml.features.trace import number_of
from ml.serving.engine.profile import Profile, Session
from ml.serving.engine.release import Release
from ml.serving.events import LiveEvent

LATER_SESSIONS = 1 << 30  # sessions of live events are numbered from here


@dataclass(frozen=True)
class Happened:
    """Live events of one user that were not sealed, as columns in order of time."""

    events: tuple[LiveEvent, ...]
    item: Indices  # (N,) -1: one that the model does not know
    at: Ints  # (N,)
    kind: tuple[str, ...]

    @classmethod
    def of(cls, release: Release, row: int, events: Sequence[LiveEvent], moment: int) -> "Happened":
        """Those before a moment that are not among the sealed events of the user at this row."""
        told = [event for event in events if event.occurred_at < moment]
        if told and row >= 0:
            trace = release.bundle.traces.trace
            sealed = trace.event[trace.offsets[row] : trace.offsets[row + 1]]
            hashes = np.array([number_of(event.event_id) for event in told], np.uint64)
            again = sealed[np.isin(sealed, hashes)]  # few are told, thousands sealed: looked for one by one
            known = is_among(hashes, again)
            told = [event for event, before in zip(told, known, strict=True) if not before]
        return cls(
            tuple(told), release.items([event.item_id for event in told]),
            np.array([event.occurred_at for event in told], np.int64), tuple(event.event_type for event in told),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.events)


def build_profile(
    release: Release, key: str, version: int, events: Sequence[LiveEvent], moment: int, *, live: bool = True,
    sealed: bool = True, featured: bool = True,
) -> Profile:  # fmt: skip
    """What is known of a user at a moment.

    Args:
        release: The model, with what was sealed.
        key: Of the user or of an anonymous session; empty: nobody.
        version: Of the user in the online store.
        events: What the online store knows of the user; the sealed ones among them count once.
        moment: Microseconds since 1970 UTC.
        live: Whether the online store could be asked.
        sealed: Whether what was sealed of the user counts; not of one who is to be forgotten.
        featured: Whether features are computed: only the ranker reads them.
    """
    row, bundle = release.user_row(key) if sealed else -1, release.bundle
    user, at = np.array([row], np.int32), np.array([moment], np.int64)
    before = requests_for(bundle.log, user, at)
    happened = Happened.of(release, row, events, moment)
    spans = _spans(release.domain, bundle.knowledge.holdings.spans(user, at), happened)
    held = np.unique(spans.item[spans.until == FOREVER]).astype(np.int32)
    features = release.featuring
    return Profile(
        key, release.number(key, sealed=sealed), version, moment, _history(release.domain, before.history, happened),
        _place(release, int(before.place[0]), before.history, happened), bundle.knowledge.facts.at(user, at), held,
        _barred(bundle.knowledge.outputs, held, len(bundle.items)), spans,
        _occurrences(release, row, moment, happened),
        features.row(row, key, happened.item, happened.events, moment) if featured else features.nothing,
        _sessions(release.domain, happened), live, *_bounds(events, moment),
    )  # fmt: skip


def _bounds(events: Sequence[LiveEvent], moment: int) -> tuple[int, int]:
    """The times of the last event before a moment and of the first one that is not: clocks differ."""
    times = [event.occurred_at for event in events]
    earlier, later = [at for at in times if at < moment], [at for at in times if at >= moment]
    return max(earlier, default=NEVER), min(later, default=FOREVER)


def _history(domain: Domain, sealed: History, happened: Happened) -> History:
    """The sealed history with the live events that say something about liking, oldest first."""
    weights = np.array([domain.event_weights.get(kind, 0.0) for kind in happened.kind], np.float32)
    telling = np.flatnonzero((weights > 0) & (happened.item >= 0))
    if not len(telling):
        return sealed
    told = [happened.events[at] for at in telling]
    numbers: dict[str, int] = {}
    session = [numbers.setdefault(event.session_id, LATER_SESSIONS + len(numbers)) for event in told]
    kinds = list(domain.event_weights)
    columns = {
        "item": happened.item[telling], "at": happened.at[telling], "session": np.array(session, np.int32),
        "weight": weights[telling],
    }  # fmt: skip
    if sealed.kind is not None:
        columns["kind"] = np.array([kinds.index(event.event_type) for event in told], np.int32)
    if sealed.value is not None:
        columns["value"] = np.array([event.value or 0.0 for event in told], np.float32)
    joined = {name: np.concatenate([getattr(sealed, name), column]) for name, column in columns.items()}
    order = np.argsort(joined["at"], kind="stable")
    return History(np.array([0, len(order)], np.int64), **{name: column[order] for name, column in joined.items()})


def _spans(domain: Domain, sealed: Spans, happened: Happened) -> Spans:
    """What the user had and has: the sealed spans told as the events that begin and end them, and the live ones."""
    known = happened.item >= 0
    begins, ends = (known & np.isin(happened.kind, kinds) for kinds in (domain.holdings.begin, domain.holdings.end))
    if not (begins | ends).any():
        return sealed
    ended = sealed.until != FOREVER
    item = np.concatenate([sealed.item, sealed.item[ended], happened.item[begins | ends]])
    at = np.concatenate([sealed.since, sealed.until[ended], happened.at[begins | ends]])
    begun = np.concatenate([np.ones(len(ended), bool), np.zeros(ended.sum(), bool), begins[begins | ends]])
    found = Holdings.of_events(np.zeros(len(item), np.int32), item, at, begun)
    return Spans(np.array([0, len(found.item)], np.int64), found.item, found.since, found.until)


def _barred(outputs: str, held: Indices, items: int) -> Indices | None:
    if outputs == "mixed":
        return None
    if outputs == "new":
        return held
    return Ragged(np.array([0, len(held)], np.int64), held).complement(items).values


def _place(release: Release, sealed: int, known: History, happened: Happened) -> int:
    """Where the latest event that says something about liking was; -1 where it does not tell a place that is known."""
    for event, item in zip(reversed(happened.events), reversed(happened.item.tolist()), strict=True):
        if item >= 0 and release.domain.event_weights.get(event.event_type, 0) > 0:
            if len(known.at) and known.at[-1] > event.occurred_at:
                break
            return -1 if event.place_id is None else int(release.bundle.places.encode([event.place_id])[0])
    return sealed


def _occurrences(
    release: Release, row: int, moment: int, happened: Happened
) -> Mapping[str, tuple[Indices, Ints]]:  # fmt: skip
    """By type of event that rules read: items and times, ordered by item, then time."""
    found = {}
    for kind, sealed in release.bundle.knowledge.occurrences.items():
        first, stop = np.searchsorted(sealed.user, [row, row + 1]) if row >= 0 else (0, 0)
        known = sealed.at[first:stop] < moment
        now = np.array([each == kind for each in happened.kind], bool) & (happened.item >= 0)
        item = np.concatenate([sealed.item[first:stop][known], happened.item[now]])
        at = np.concatenate([sealed.at[first:stop][known], happened.at[now]])
        order = np.lexsort((at, item))
        found[kind] = (item[order], at[order])
    return found


def _sessions(domain: Domain, happened: Happened) -> dict[str, Session]:
    """The items of each live session, oldest first, as in training: of events that say something about liking."""
    found: dict[str, list[int]] = {}
    for event, item in zip(happened.events, happened.item.tolist(), strict=True):
        if item >= 0 and domain.event_weights.get(event.event_type, 0) > 0:
            found.setdefault(event.session_id, []).append(item)
    return {session: tuple(items) for session, items in found.items()}
