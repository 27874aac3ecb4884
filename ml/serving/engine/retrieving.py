"""Retrieval for a batch: what was found for a profile before is looked up, the rest is found for all at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ml.data.arrays import Ragged, is_among
from ml.data.occurrences import NEVER
from ml.data.requests import Requests
from ml.logs import get_logger
from ml.ranking.candidates import SideBySide
from ml.retrieval.contract import Retriever, best_of
from ml.serving.engine.asking import NONE, Ask, Asked, ragged
from ml.serving.engine.profile import Found, Session
from ml.serving.engine.release import Release

SPARE = 50  # found beyond a retriever's quota, so that leaving some out of them asks nobody again
MOST_SHARED, MOST_OWN = 2_000, 20  # answers kept for everybody, and with one profile: each session has some of its own
log = get_logger(__name__)

Key = tuple[str, Session]  # what an answer is known by: the retriever, and the session where it reads that
Told = Callable[[str, Exception], None]  # hears of a retriever that failed


@dataclass(frozen=True)
class Seen:
    """R requests as the models see them, of which several retrievers are asked about the same part."""

    requests: Requests
    parts: dict[tuple[int, ...], Requests] = field(default_factory=dict)

    def part(self, rows: Sequence[int]) -> Requests:
        """Some of the requests, in their order: a view where they stand in a row."""
        key = tuple(rows)
        if key not in self.parts:
            self.parts[key] = self._part(rows)
        return self.parts[key]

    def _part(self, rows: Sequence[int]) -> Requests:
        if rows[-1] - rows[0] != len(rows) - 1:
            return self.requests.take(np.array(rows))
        return self.requests if len(rows) == len(self.requests) else self.requests.between(rows[0], rows[-1] + 1)


def retrieve(
    release: Release, asked: Asked, told: Told, time_left: Callable[[], bool], only: str | None = None
) -> tuple[SideBySide, list[set[str]]]:
    """What each retriever finds for each request, and those that had to be left out of each.

    Args:
        release: The model.
        asked: R requests.
        told: Hears of a retriever that failed: the others answer.
        time_left: Whether another retriever may be asked for what is not known yet.
        only: One retriever, asked whatever the placement names; None: those of the placement.

    Returns:
        By retriever the best items of each request, nothing for placements that do not name it; and, a request each,
        the retrievers whose answer is missing.
    """
    recommender = release.bundle.recommender
    seen = Seen(recommender.visible.requests(asked.requests))
    missing: list[set[str]] = [set() for _ in asked.asks]
    names = [only] if only else list(recommender.retrievers)
    room = SideBySide.empty(len(asked.asks), {name: recommender.quotas[name] for name in names})
    for name, columns in room.columns.items():
        model, among = recommender.retrievers[name], release.reach[name]
        known: dict[int, Found | None] = {}
        for row, ask in enumerate(asked.asks):
            if only or name in ask.plan.retrievers:
                found = ask.profile.found.get(_key(release, name, ask))
                known[row] = found if found is not None and found.among == among else _shared(release, name, ask)
        unknown = [row for row, found in known.items() if found is None]
        if unknown and time_left():
            try:
                _find(release, name, model, seen, asked.asks, unknown)
            except Exception as error:  # noqa: BLE001 - one retriever that fails must not take the slate with it
                told(name, error)
        for row in unknown:
            known[row] = asked.asks[row].profile.found.get(_key(release, name, asked.asks[row]))
        for row, found in known.items():
            if found is None or not _placed(release, model, asked, room, row, found, name, columns, told):
                missing[row].add(name)
    return room, missing


def _key(release: Release, name: str, ask: Ask) -> Key:
    """What an answer is known by: sessions matter only to those who read them."""
    return name, ask.session if release.reads[name].session else ()


def _shared_key(release: Release, name: str, ask: Ask) -> tuple[str, int, Session] | None:
    """What an answer is known by that does not depend on who asks; None where it does, or where something is barred."""
    reads = release.reads[name]
    if reads.user or ask.profile.barred is not None:
        return None
    return name, ask.profile.place if reads.place else -1, ask.session if reads.session else ()


def _shared(release: Release, name: str, ask: Ask) -> Found | None:
    """What was found for somebody else to whom it is the same."""
    shared = _shared_key(release, name, ask)
    found = None if shared is None else release.shared.get(shared)
    if found is not None:
        ask.profile.found[_key(release, name, ask)] = found
    return found


def _find(release: Release, name: str, model: Retriever, seen: Seen, asks: Sequence[Ask], rows: Sequence[int]) -> None:
    """Ask a retriever for all whose answer is not known, and keep it with their profiles."""
    first = {(id(asks[row].profile), _key(release, name, asks[row])): row for row in rows}
    later = [row for (_, (_, session)), row in first.items() if session or asks[row].profile.latest != NEVER]
    sealed = [row for row in first.values() if row not in later]
    for wanted, search in ((later, _by_index), (sealed, _exactly)):
        if wanted:
            found = search(release, name, model, seen.part(wanted), asks, wanted)
            _keep(release, name, asks, wanted, found)


def _exactly(
    release: Release, name: str, model: Retriever, part: Requests, asks: Sequence[Ask], rows: Sequence[int]
) -> list[Found]:
    """What a retriever finds for these requests, asked about every item."""
    ranking = best_of(model, part, _wanted(release, name), _barred(asks, rows) or Ragged.empty(len(rows)))
    width, among = ranking.item.shape[1], release.reach[name]
    return [
        Found(item[:count], score[:count], count < width, among)
        for item, score in zip(ranking.item, ranking.score, strict=True)
        for count in (np.count_nonzero(item >= 0),)  # those that there are stand in front
    ]


def _by_index(
    release: Release, name: str, model: Retriever, part: Requests, asks: Sequence[Ask], rows: Sequence[int]
) -> list[Found]:
    """The same by the index, where there is one: of those who did something since the sealing, and may be waiting."""
    barred, wanted, among = _barred(asks, rows), _wanted(release, name), release.reach[name]
    most = 0 if barred is None else int(barred.lengths.max(initial=0))
    ranking = release.bundle.nearest(name, part, wanted + most) if most < wanted else None
    if ranking is None:
        return _exactly(release, name, model, part, asks, rows)
    if barred is None:
        counts = np.count_nonzero(ranking.item >= 0, axis=1).tolist()
        return [
            Found(item[:count], score[:count], False, among)
            for item, score, count in zip(ranking.item, ranking.score, counts, strict=True)
        ]
    found = []
    for row, (item, score) in enumerate(zip(ranking.item, ranking.score, strict=True)):
        kept = np.flatnonzero((item >= 0) & ~is_among(item, barred[row]))[:wanted]
        found.append(Found(item[kept], score[kept], False, among))
    return found


def _wanted(release: Release, name: str) -> int:
    return release.bundle.recommender.quotas[name] + SPARE


def _barred(asks: Sequence[Ask], rows: Sequence[int]) -> Ragged | None:
    if asks[rows[0]].profile.barred is None:  # so it is for all, or for none
        return None
    return ragged([NONE if (own := asks[row].profile.barred) is None else own for row in rows])


def _keep(release: Release, name: str, asks: Sequence[Ask], rows: Sequence[int], found: Sequence[Found]) -> None:
    """Keep what was found with the profiles, and for everybody where it is the same for all."""
    _make_room(release.shared, MOST_SHARED)
    for row in rows:
        _make_room(asks[row].profile.found, MOST_OWN)
    for row, each in zip(rows, found, strict=True):
        asks[row].profile.found[_key(release, name, asks[row])] = each
        if (shared := _shared_key(release, name, asks[row])) is not None:
            release.shared[shared] = each


def _make_room(known: dict[Any, Found], most: int) -> None:
    """Forget what was found for sessions, of which there are new ones all the time, where much is kept."""
    if len(known) >= most:
        for key in [key for key in list(known) if key[-1]]:
            known.pop(key, None)


def _placed(
    release: Release, model: Retriever, asked: Asked, room: SideBySide, row: int, found: Found, name: str,
    columns: tuple[int, int], told: Told,
) -> bool:  # fmt: skip
    """Put what was found for one request, without what that leaves out, in its place; False: too little is known."""
    from ml.serving.engine.placing_kernel import place

    exclude, (start, stop) = asked.asks[row].exclude, columns
    count = place(found.item, found.score, exclude, room.item, room.score, row, start, stop)
    if count == stop - start or found.whole or not len(exclude):
        return True
    try:
        found = _anew(release, name, model, asked, row)
    except Exception as error:  # noqa: BLE001 - as above
        told(name, error)
        room.item[row, start:stop], room.score[row, start:stop] = -1, -np.inf
        return False
    place(found.item, found.score, NONE, room.item, room.score, row, start, stop)
    return True


def _anew(release: Release, name: str, model: Retriever, asked: Asked, row: int) -> Found:
    """What a retriever finds for one request, asked about all but what that leaves out: of what was found, too much."""
    ask, quota = asked.asks[row], release.bundle.recommender.quotas[name]
    one = release.bundle.recommender.visible.requests(asked.requests.take(np.array([row])))
    exclude = ask.exclude if ask.profile.barred is None else np.union1d(ask.exclude, ask.profile.barred)
    ranking = best_of(model, one, quota, ragged([exclude.astype(np.int32)]))
    there = ranking.item[0] >= 0
    return Found(ranking.item[0][there], ranking.score[0][there], True, release.reach[name])
