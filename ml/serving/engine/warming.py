"""A version before it answers: what is compiled or read lazily is so now, and nobody waits for it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ml.features.item_evaluation import LetOthers
from ml.serving.contract import SessionEvent, SlateRequest
from ml.serving.engine.engine import SlateEngine
from ml.serving.engine.featuring import PART, ItemRows
from ml.serving.engine.profiles import Profiles
from ml.serving.engine.release import Release
from ml.serving.events import LiveEvent
from ml.serving.online.contract import is_anonymous

WARM_SECONDS = 30.0  # for which candidates are found before a version takes over, for those who asked last first
FEW, TOGETHER = 3, 8
STRANGER, SESSION = "somebody whom nobody knows", "a session of nobody"


def warm(engine: SlateEngine, users: Sequence[str] = (), let_others: LetOthers = lambda: None) -> None:
    """Rehearse all that is asked, then find candidates for these users or else some who were sealed.

    Args:
        engine: Which answers nobody yet.
        users: Who asked last, the latest first: for so many of them as there is time for.
        let_others: Called again and again.
    """
    users = users or [str(user) for user in engine.release.bundle.users.ids[:FEW]]
    _rehearse(engine, [user for user in users[:FEW] if not is_anonymous(user)], let_others)
    until = time.monotonic() + WARM_SECONDS
    for start in range(0, len(users), TOGETHER):
        if time.monotonic() < until:
            engine.prepare(users[start : start + TOGETHER], let_others)


@dataclass(frozen=True)
class Rehearsed:
    """A store by which everybody did everything with some items just now."""

    events: Sequence[LiveEvent]

    @classmethod
    def of(cls, release: Release, moment: int) -> "Rehearsed":
        """Each type that anything is read from, with two items and one that nobody knows."""
        user = next(iter(release.bundle.users.ids[:1].tolist()), STRANGER)
        kinds = {*release.domain.event_weights, *release.bundle.knowledge.occurrences}
        told = [(kind, item) for kind in sorted(kinds) for item in (*release.item_ids[:2], "")]
        return cls([
            LiveEvent(f"rehearsed {row}", SESSION, item, kind, moment - len(told) + row, user, value=1.0, quantity=1.0)
            for row, (kind, item) in enumerate(told)
        ])  # fmt: skip

    def versions(self, user_keys: Sequence[str]) -> list[int]:
        """Of everybody the last event."""
        return [len(self.events)] * len(user_keys)

    def events_of(self, user_keys: Sequence[str]) -> list[list[LiveEvent]]:
        """The same of everybody."""
        return [list(self.events) for _ in user_keys]

    def erased(self) -> Sequence[str]:
        """Nobody."""
        return ()

    def since(self, sequence: int, limit: int = PART) -> list[tuple[int, LiveEvent]]:
        """All, of one user."""
        return list(enumerate(self.events, 1))[sequence : sequence + limit]


def _rehearse(engine: SlateEngine, users: Sequence[str], let_others: LetOthers) -> None:
    """Ask for everything that is asked for, for those who did nothing lately and for those who just did something."""
    release = engine.release
    moment = max(engine.clock(), release.bundle.snapshot.as_of + 1)
    store = Rehearsed.of(release, moment)
    ItemRows(release.featuring).refresh(store, moment, let_others)
    for requests in _asked(release, users):
        for happened in (None, store):
            fresh = replace(engine, profiles=Profiles(release, happened))
            for _ in range(2):  # the second time what was found is put in its place
                fresh.cheap(requests)
                fresh.recommend_many(requests)
                let_others()


def _asked(release: Release, users: Sequence[str]) -> Iterator[Sequence[SlateRequest]]:
    """By placement, with a session and without: all together, and one alone, whose arrays are those that were sealed."""
    anchors = release.item_ids[:1]
    for name, plan in release.plans.items():
        if anchors or not plan.placement.anchored:
            anchor = anchors[0] if plan.placement.anchored else None
            for session in ((), _session(release)):
                nobody = SlateRequest(name, anchor=anchor, session=session)
                known = [replace(nobody, user_id=user) for user in (*users, STRANGER)]
                yield [nobody, replace(nobody, session_id=SESSION), *known]
                yield known[:1]


def _session(release: Release) -> Sequence[SessionEvent]:
    """One of the first item, as of somebody who just took it."""
    liked = [kind for kind, weight in release.domain.event_weights.items() if weight > 0]
    return [SessionEvent(item, kind, 0) for item in release.item_ids[:1] for kind in liked[:1]]
