"""The engine of one release: requests in, slates out, however the store, a retriever or the clock behave."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml.errors import BadInput
from ml.serving.contract import NOT_LIVE, RETRIEVER_LEFT_OUT, ServedSlate, SlateRequest
from ml.serving.engine.answering import served
from ml.serving.engine.asking import Ask, check_numbers, put_together, understood
from ml.serving.engine.clock import Clock
from ml.serving.engine.fallback import cheap_slates
from ml.serving.engine.finding import Told
from ml.serving.engine.profile import Profile
from ml.serving.engine.profiles import Profiles, rests
from ml.serving.engine.ranking import arrange, ranked, remember, way_of
from ml.serving.engine.release import Release
from ml.serving.engine.retrieving import retrieve
from ml.serving.online.contract import ANONYMOUS, is_anonymous


@dataclass(frozen=True)
class Budget:
    """Milliseconds after which a batch goes on without what it has not got yet."""

    retrieve: float = 40.0  # retrievers that were not asked by then are left out
    whole: float = 80.0  # then the answer comes from what is at hand


PATIENT = Budget(retrieve=float("inf"), whole=float("inf"))  # nobody waits: no step is left out


@dataclass
class Stages:
    """How long each stage of a batch took, in milliseconds."""

    since: float = field(default_factory=time.perf_counter)
    took: dict[str, float] = field(default_factory=dict)

    def done(self, name: str) -> None:
        """One has come to its end, and the next begins."""
        now = time.perf_counter()
        self.took[name], self.since = round((now - self.since) * 1_000, 3), now


def user_key(request: SlateRequest) -> str:
    """Whose request it is: the user, the session of somebody who did not sign in, or nobody; raises `BadInput`."""
    if request.user_id is not None:
        if is_anonymous(request.user_id):
            raise BadInput(f"user_id: no user's identifier may begin with {ANONYMOUS!r}: send session_id instead")
        return request.user_id
    return f"{ANONYMOUS}{request.session_id}" if request.session_id else ""


@dataclass(frozen=True)
class SlateEngine:
    """Answers from one release; another version of the model is another engine."""

    release: Release
    profiles: Profiles
    clock: Clock
    budget: Budget = Budget()
    told: Told = lambda _name, _error: None  # hears of retrievers that fail

    def recommend(self, request: SlateRequest) -> ServedSlate:
        """One slate; raises `BadInput` where the request asks for what is not declared."""
        return self.recommend_many([request])[0]

    def recommend_many(self, requests: Sequence[SlateRequest], moment: int | None = None) -> list[ServedSlate]:
        """A slate each, with one call of the ranker.

        Args:
            requests: Any number.
            moment: Microseconds since 1970 UTC; None: now.

        Raises:
            BadInput: A request asks for what is not declared; no slate is made.
        """
        if not requests:
            return []
        stages, now = Stages(), self.clock() if moment is None else moment

        def answered(ordered: Sequence[SlateRequest]) -> list[ServedSlate]:
            profiles = self.profiles.of([user_key(request) for request in ordered], now)
            asks = self._understood(ordered, profiles, now)
            stages.done("users")
            return self._answered(asks, stages)

        return _way_by_way(requests, answered)

    def cheap(self, requests: Sequence[SlateRequest]) -> list[ServedSlate]:
        """Slates from what is at hand, which wait for nothing; raises `BadInput` as `recommend_many` does."""
        now = self.clock()

        def answered(ordered: Sequence[SlateRequest]) -> list[ServedSlate]:
            profiles = [self.profiles.at_hand(user_key(request), now) for request in ordered]
            return cheap_slates(self.release, self._understood(ordered, profiles, now))

        return _way_by_way(requests, answered)

    def prepare(self, keys: Sequence[str], let_others: Callable[[], object] = lambda: None) -> None:
        """Make profiles and find candidates for users before they ask: their next requests look them up.

        Candidates are not found anew where much the same is known as a moment ago (`rests`).

        Args:
            keys: Of the users, as the store knows them.
            let_others: Called between two users and two retrievers: it may wait, so that nobody who asks meanwhile does.

        Raises:
            StoreGone: The store does not answer: no candidates are found.
        """
        home = next((name for name, plan in self.release.plans.items() if not plan.placement.anchored), None)
        if home is None:
            return
        now, request = self.clock(), SlateRequest(home)

        def time_left() -> bool:
            let_others()
            return True

        made = [self.profiles.made(key, now) for key in keys if time_left()]
        profiles = [profile.renewed for profile in made if not rests(profile, now)]
        if not profiles:
            return
        asks = [understood(self.release, request, profile, now) for profile in profiles]
        retrieve(self.release, put_together(self.release, asks), self.told, time_left)
        for profile in profiles:
            self.profiles.keep(profile)

    def similar(self, item_id: str, k: int) -> list[dict[str, Any]]:
        """The items whose vectors are nearest to one's; raises `BadInput` for an unknown item."""
        found = self.release.bundle.similar(item_id, k)
        return [
            {"item_id": item.item_id, "name": item.name, "score": item.score, "sources": list(item.sources)}
            for item in found
        ]

    def _understood(self, requests: Sequence[SlateRequest], profiles: Sequence[Profile], now: int) -> list[Ask]:
        asks = [understood(self.release, *pair, now) for pair in zip(requests, profiles, strict=True)]
        check_numbers(asks)
        return asks

    def _answered(self, asks: Sequence[Ask], stages: Stages) -> list[ServedSlate]:
        asked = put_together(self.release, asks)
        stages.done("gather")
        found, missing = retrieve(self.release, asked, self.told, self._time_left())
        candidates = found.merged(self.release.bundle.recommender.maximum)
        stages.done("retrieve")
        slates = ranked(self.release, asked, candidates)
        stages.done("rank")
        remember(asks, slates, missing)
        arranged = arrange(asks, asked.requests, slates)
        stages.done("rerank")
        degraded = [
            NOT_LIVE if not ask.profile.live else RETRIEVER_LEFT_OUT if out else None
            for ask, out in zip(asks, missing, strict=True)
        ]
        return self._completed(asks, missing, served(self.release, asks, arranged, degraded, stages.took))

    def _completed(
        self, asks: Sequence[Ask], missing: Sequence[set[str]], slates: list[ServedSlate]
    ) -> list[ServedSlate]:
        """The slates; where retrievers that were left out leave one short, what is at hand if that is more."""
        short = [row for row, slate in enumerate(slates) if missing[row] and slate.shortfall]
        others = cheap_slates(self.release, [asks[row] for row in short]) if short else ()
        for row, other in zip(short, others, strict=True):
            if len(other.items) > len(slates[row].items):
                slates[row] = other
        return slates

    def _time_left(self) -> Callable[[], bool]:
        until = time.perf_counter() + self.budget.retrieve / 1_000
        return lambda: time.perf_counter() < until


def _way_by_way(
    requests: Sequence[SlateRequest], answer: Callable[[Sequence[SlateRequest]], Sequence[ServedSlate]]
) -> list[ServedSlate]:
    """The answers, in the order of the requests, which are put so that those of each way of asking stand in a row."""
    order = sorted(range(len(requests)), key=lambda row: way_of(requests[row]))
    slates = dict(zip(order, answer([requests[row] for row in order]), strict=True))
    return [slates[row] for row in range(len(requests))]
