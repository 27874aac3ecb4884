"""What one retriever finds for the requests of a batch: what was found before, or what it finds now for all at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ml.data.arrays import Ragged, is_among
from ml.data.occurrences import NEVER
from ml.data.requests import Requests
from ml.retrieval.contract import best_of
from ml.serving.engine.asking import NONE, Ask, ragged
from ml.serving.engine.profile import Found, Key, Profile, Session
from ml.serving.engine.release import Release

SPARE = 50  # found beyond a retriever's quota, so that leaving some out of them asks nobody again
MOST_SHARED, MOST_OWN = 2_000, 20  # answers kept for everybody, and with one profile: each session has some of its own

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


def found_by(
    release: Release, name: str, seen: Seen, asks: Sequence[Ask], rows: Sequence[int], told: Told,
    time_left: Callable[[], bool],
) -> Iterator[tuple[int, Found | None]]:  # fmt: skip
    """What one retriever finds for some of the requests: what is known, and what is found now."""
    unknown = []
    for row in rows:
        found = known(release, name, asks[row].profile, asks[row].session)
        if found is None:
            unknown.append(row)
        else:
            yield row, found
    if unknown and time_left():
        try:
            _find(release, name, seen, asks, unknown)
        except Exception as error:  # noqa: BLE001 - one retriever that fails must not take the slate with it
            told(name, error)
    for row in unknown:
        yield row, asks[row].profile.found.known.get(_key(release, name, asks[row].session))


def known(release: Release, name: str, profile: Profile, session: Session) -> Found | None:
    """What was found for a profile, or for somebody else to whom it is the same; None where it is to be found."""
    found = profile.found.known.get(_key(release, name, session))
    return (
        found if found is not None and found.among == release.reach[name] else _shared(release, name, profile, session)
    )


def _key(release: Release, name: str, session: Session) -> Key:
    """What an answer is known by: sessions matter only to those who read them."""
    return name, session if release.reads[name].session else ()


def _shared_key(release: Release, name: str, profile: Profile, session: Session) -> tuple[str, int, Session] | None:
    """What an answer is known by that does not depend on who asks; None where it does, or where something is barred."""
    reads = release.reads[name]
    if reads.user or profile.barred is not None:
        return None
    return name, profile.place if reads.place else -1, session if reads.session else ()


def _shared(release: Release, name: str, profile: Profile, session: Session) -> Found | None:
    """What was found for somebody else to whom it is the same."""
    shared = _shared_key(release, name, profile, session)
    found = None if shared is None else release.shared.get(shared)
    if found is not None:
        profile.found.known[_key(release, name, session)] = found
    return found


def _find(release: Release, name: str, seen: Seen, asks: Sequence[Ask], rows: Sequence[int]) -> None:
    """Ask a retriever for all whose answer is not known, and keep it with their profiles."""
    first = {(id(asks[row].profile), _key(release, name, asks[row].session)): row for row in rows}
    later = [row for (_, (_, session)), row in first.items() if session or asks[row].profile.latest != NEVER]
    sealed = [row for row in first.values() if row not in later]
    for wanted, search in ((later, _by_index), (sealed, _exactly)):
        if wanted:
            found = search(release, name, seen.part(wanted), _barred(asks, wanted))
            _keep(release, name, asks, wanted, found)


def _exactly(release: Release, name: str, part: Requests, barred: Ragged | None) -> list[Found]:
    """What a retriever finds for these requests, asked about every item."""
    model, exclude = release.bundle.recommender.retrievers[name], barred or Ragged.empty(len(part))
    ranking, among = best_of(model, part, _wanted(release, name), exclude), release.reach[name]
    return [
        Found(item, score, not len(item) or bool(item[-1] < 0), among)  # fewer than were wanted: there are no more
        for item, score in zip(ranking.item, ranking.score, strict=True)
    ]


def _by_index(release: Release, name: str, part: Requests, barred: Ragged | None) -> list[Found]:
    """The same by the index, where there is one: of those who did something since the sealing, and may be waiting."""
    wanted, among = _wanted(release, name), release.reach[name]
    most = 0 if barred is None else int(barred.lengths.max(initial=0))
    ranking = release.bundle.nearest(name, part, wanted + most) if most < wanted else None
    if ranking is None:
        return _exactly(release, name, part, barred)
    if barred is None:
        return [Found(item, score, False, among) for item, score in zip(ranking.item, ranking.score, strict=True)]
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
        _make_room(asks[row].profile.found.known, MOST_OWN)
    for row, each in zip(rows, found, strict=True):
        asks[row].profile.found.known[_key(release, name, asks[row].session)] = each
        if (shared := _shared_key(release, name, asks[row].profile, asks[row].session)) is not None:
            release.shared[shared] = each


def _make_room(known: dict[Any, Found], most: int) -> None:
    """Forget what was found for sessions, of which there are new ones all the time, where much is kept."""
    if len(known) >= most:
        for key in [key for key in list(known) if key[-1]]:
            known.pop(key, None)
