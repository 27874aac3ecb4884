"""One domain being served: the champion's engine, what happens now, what was shown, and the threads beside requests."""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ml.data.new_items import NewItem
from ml.domains import Domain
from ml.errors import BadInput, RunFailed
from ml.logs import get_logger
from ml.serving.beside import Beside
from ml.serving.contract import ServedSlate, SlateRequest
from ml.serving.engine.arriving import with_items
from ml.serving.engine.batching import Batcher
from ml.serving.engine.clock import Clock
from ml.serving.engine.engine import SlateEngine
from ml.serving.engine.following import Follower
from ml.serving.events import LiveEvent
from ml.serving.impressions import ImpressionLog
from ml.serving.items import kept_items
from ml.serving.online.contract import ANONYMOUS, is_anonymous, user_key
from ml.serving.online.intake import Intake
from ml.serving.online.live import Live, LiveView, Receipt

ITEMS_EVERY = 30.0  # seconds between two computations of all items' features
LOOK_EVERY = 0.05  # seconds between two looks at what waits beside requests
WARM_EVERY = 0.02
COLLECTED_WITHIN = 0.3  # seconds for which users who did something are collected: eight cost half as much together
PREPARED_WITHIN = 2.0  # seconds after which they are prepared although there is no time for it
AGED_EVERY = 10.0  # seconds between two looks for profiles that get old
PATIENCE = 0.25  # seconds for which what is done beside requests waits for them, at each of its steps
LOOK_AGAIN = 0.003  # seconds between two looks whether slates are under way: a pause between two batches is as short
TOGETHER = 8  # users whose candidates are found by one call
MOST_PREPARED = 2_000  # users whose candidates may wait to be found anew
log = get_logger(__name__)


@dataclass(frozen=True)
class Tried:
    """What an engine became with some items, to see whether it can take them."""

    items: Sequence[NewItem]
    before: SlateEngine
    after: SlateEngine


class Service:
    """Answers for one domain; `close` it. What HTTP, the command line and benchmarks talk to."""

    def __init__(
        self, declared: Domain, follower: Follower, live: LiveView, impressions: ImpressionLog, clock: Clock
    ) -> None:  # fmt: skip
        self.domain = declared.name
        self.follower, self.live, self.impressions, self.clock = follower, live, impressions, clock
        self.batcher = Batcher(lambda: self.follower.engine)
        self.intake = Intake(f"events-{self.domain}", lambda calls: self._writer.accept_all(calls))
        self._wanted: dict[str, float] = {}  # users who did something, since when: to be prepared
        self._aged_at = 0.0
        self._known: tuple[int, list[str]] | None = None  # a version, and whom it has still to prepare for
        self._told: dict[str, NewItem] = {}  # items that were put, as the store keeps them
        self._told_at, self._telling = 0, threading.Lock()
        follower.let_others = self._let_others
        follower.also(self._with_told_items)
        follower.follow()
        self._beside = [
            Beside(f"prepare-{self.domain}", LOOK_EVERY, self._prepare),
            Beside(f"warm-{self.domain}", WARM_EVERY, self._warm),
            Beside(f"arrivals-{self.domain}", LOOK_EVERY, self._take_items),
            Beside(f"items-{self.domain}", ITEMS_EVERY, self._refresh_items),
        ]

    @property
    def version(self) -> int | None:
        """Version of the model that answers now."""
        return self.follower.version

    @property
    def engine(self) -> SlateEngine:
        """The engine of the moment; raises `RunFailed` where there is none."""
        return self.follower.engine

    def now(self) -> int:
        """Microseconds since 1970 UTC, by the system's clock or the data's."""
        return self.clock()

    def ready(self) -> str | None:
        """Why slates cannot be answered yet; None: they can."""
        return None if self.version is not None else f"{self.domain} has no champion yet"

    async def answer(self, request: SlateRequest) -> ServedSlate:
        """One slate, from an event loop, together with whatever else queues."""
        return await self.batcher.answer(request)

    def recommend(self, request: SlateRequest) -> ServedSlate:
        """One slate, at once."""
        return self.engine.recommend(request)

    def similar(self, item_id: str, k: int) -> list[dict[str, Any]]:
        """The items most like one. Raises `BadInput` for an unknown item."""
        return self.engine.similar(item_id, k)

    async def accept(self, events: Sequence[LiveEvent]) -> Receipt:
        """Take events in, from an event loop; when it returns they are durable, and in the next slate's features.

        Raises:
            BadInput: An event is not what it may be; none is taken in.
            NotDurable: They could not be kept: send them again.
            RunFailed: Another process takes this domain's events.
        """
        for at, event in enumerate(events):
            if event.user_id is not None and is_anonymous(event.user_id):
                raise BadInput(f"[{at}].user_id: no user's identifier may begin with {ANONYMOUS!r}: leave it out")
        receipt = await self.intake.take(events)
        for event in events:
            if len(self._wanted) < MOST_PREPARED:
                self._wanted.setdefault(user_key(event), time.monotonic())
        return receipt

    def put_item(self, item_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what is told of an item, which can be in slates when this returns.

        Raises:
            BadInput: A column is not as the contract has it.
            NotDurable: It could not be kept: send it again.
            RunFailed: Another process takes this domain's items, or the champion cannot embed their texts.
        """
        item, known = NewItem.told(item_id, _plain(fields)), self.engine.release.item(item_id) >= 0
        with self._telling:  # until it can be in slates: who looks for items that came must not take it half way
            told = item.over(self._told[item_id]) if item_id in self._told else item
            before = self.engine
            after = with_items(before, [told])  # raises before anything is kept
            sequence = self._writer.put_item(item_id, told.as_json())
            self._take(Tried([told], before, after))
        return {"item_id": item_id, "known_before": known, "sequence": sequence}

    def erase(self, user_id: str) -> dict[str, Any]:
        """Forget a user at once; what was landed goes with `slate erase --pending`."""
        sequence = self._writer.erase(user_id)
        self.engine.profiles.forget(user_id)
        return {"erased": True, "sequence": sequence, "pending": "slate erase --pending"}

    def shown(self, slate: ServedSlate) -> None:
        """Log the impression of a slate that is about to be sent; raises `RunFailed` where it cannot be kept."""
        if not self.impressions.shown(slate):
            raise RunFailed("the impression is lost: the disk does not keep up")

    def facts(self) -> dict[str, Any]:
        """Numbers for `/metrics`."""
        behind = getattr(self.live, "behind", 0)
        now, engine = self.clock(), self.follower.engine if self.version is not None else None
        as_of = engine.release.item_features.as_of if engine else now
        return {
            "version": self.version or 0, "freshness_seconds": max(now - as_of, 0) / 1e6, "store_behind": behind,
            "refused_version": self.follower.refused.version if self.follower.refused else 0,
            "profiles": len(engine.profiles) if engine else 0, "unprepared": self._unprepared(engine) if engine else 0,
            "queued": len(self.batcher.full), "late": self.batcher.late, "swaps": self.follower.swaps,
            "impressions_logged": self.impressions.logged, "impressions_dropped": self.impressions.dropped,
        }  # fmt: skip

    def close(self) -> None:
        """Stop following, answer what is queued, seal what was shown, let go of the store."""
        self.follower.close()
        for each in self._beside:
            each.close()
        self.batcher.close()
        self.intake.close()
        self.impressions.close()
        self.live.close()

    @property
    def _writer(self) -> Live:
        if not isinstance(self.live, Live):
            raise RunFailed(f"another process takes the events of {self.domain}: send them there")
        return self.live

    def _prepare(self) -> None:
        """Prepare those who did something for what they ask next: where there is time for it, or where it is time."""
        waiting, now = list(self._wanted.items())[:TOGETHER], time.monotonic()
        idle = self.batcher.full.idle
        within = COLLECTED_WITHIN if idle else PREPARED_WITHIN
        if waiting and (now - waiting[0][1] > within or (idle and len(waiting) == TOGETHER)):
            for key, _ in waiting:
                del self._wanted[key]
            self.engine.prepare([key for key, _ in waiting], self._let_others)

    def _warm(self) -> None:
        """Find candidates for those who were active last, and for those whose profiles get old."""
        engine = self.engine
        waiting = self._waiting(engine)
        if waiting is None:
            waiting = engine.release.latest_users(engine.profiles.most)
            self._known = engine.release.version, waiting
        if waiting:
            latest = [waiting.pop() for _ in range(min(len(waiting), TOGETHER))]
            engine.prepare([key for key in latest if not engine.profiles.is_kept(key)], self._let_others)
        elif time.monotonic() > self._aged_at:
            aged = engine.profiles.aged(self.clock(), TOGETHER)
            engine.prepare(aged, self._let_others)
            self._aged_at = time.monotonic() + (0 if aged else AGED_EVERY)

    def _unprepared(self, engine: SlateEngine) -> int:
        """For how many users candidates are still to be found; until they are named, all for whom there is room.

        Those who did something since are among them.
        """
        waiting = self._waiting(engine)
        return engine.profiles.most if waiting is None else len(waiting) + len(self._wanted)

    def _waiting(self, engine: SlateEngine) -> list[str] | None:
        """The users for whom this version has still to find candidates; None: it is not known yet who they are."""
        known = self._known
        return known[1] if known and known[0] == engine.release.version else None

    def _let_others(self) -> None:
        """Wait while slates are under way, but not for ever."""
        until = time.monotonic() + PATIENCE
        while not self.batcher.full.idle and time.monotonic() < until:
            time.sleep(LOOK_AGAIN)

    def _take_items(self) -> None:
        """Let the engine know of items that were put since the last look, by another process."""
        with self._telling:
            self._take()

    def _take(self, tried: Tried | None = None) -> None:
        told = self.live.items_since(self._told_at)
        if not told:
            return
        items = kept_items(told)
        self._told |= {item.item_id: item for item in items}
        self._told_at = told[-1][0]

        def changed(engine: SlateEngine) -> SlateEngine:
            alike = tried is not None and tried.before is engine and tried.items == items
            return tried.after if tried is not None and alike else with_items(engine, items)

        self.follower.change(changed)

    def _with_told_items(self, engine: SlateEngine) -> SlateEngine:
        """Another version with the items that were put; where it cannot take them it answers without."""
        try:
            return with_items(engine, list(self._told.values()))
        except RunFailed as error:
            log.warning("%s: items that were put are left out: %s", self.domain, error)
            return engine

    def _refresh_items(self) -> None:
        engine = self.engine
        engine.release.item_features.refresh(self.live, self.clock(), self._let_others)


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of an item as people tell them: attributes as an object, moments as such."""
    plain = dict(fields)
    if isinstance(attributes := plain.get("attributes"), str):
        plain["attributes"] = json.loads(attributes)
    if isinstance(launched := plain.get("launched_at"), int):
        plain["launched_at"] = datetime.fromtimestamp(launched / 1e6, UTC)
    return plain
