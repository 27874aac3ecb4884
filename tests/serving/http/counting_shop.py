"""A shop of thirty items that counts what it is told: a whole service, small enough to reason about."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ml.domains import DataRules, Domain
from ml.domains.placements import Placement
from ml.errors import BadInput
from ml.serving.contract import ServedItem, ServedSlate, SlateRequest
from ml.serving.events import LiveEvent

SHOP = Domain(
    name="shop",
    title="Shop",
    event_weights={"view": 0.1, "purchase": 1.0},
    target_events=("purchase",),
    quotas={"popularity": 10},
    baselines=("popularity",),
    placements={"home": Placement(size=5, description="The first page of all."), "basket": Placement(size=3, description="Beside the basket.")},
    registered_model="shop-slate",
    data_rules=DataRules(event_types=("view", "purchase")),
)  # fmt: skip
CATALOGUE = tuple(f"item-{number:02d}" for number in range(30))


@dataclass(frozen=True)
class Taken:
    """What became of a call's events."""

    accepted: int
    duplicates: int


@dataclass
class CountingShop:
    """Recommends what was bought most, without what is excluded; everything it knows, it was told."""

    domain: str = "shop"
    version: int | None = 3
    not_ready: str | None = None
    delay: float = 0.0  # seconds that an answer takes
    raises: Exception | None = None  # by whatever is asked next
    events: dict[str, LiveEvent] = field(default_factory=dict)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    impressions: list[ServedSlate] = field(default_factory=list)
    requests: list[SlateRequest] = field(default_factory=list)

    def ready(self) -> str | None:
        return self.not_ready

    def _fail(self) -> None:
        if self.raises:
            raise self.raises

    def recommend(self, request: SlateRequest) -> ServedSlate:
        self._fail()
        self.requests.append(request)
        bought = Counter(event.item_id for event in self.events.values())
        barred = set(request.exclude)
        best = sorted((item for item in CATALOGUE if item not in barred), key=lambda item: (-bought[item], item))
        wanted = request.k or SHOP.placements[request.placement].size
        shown = [
            ServedItem(item, place, float(bought[item]), 1.0, ("popularity",), ("bought most",))
            for place, item in enumerate(best[:wanted], 1)
        ]
        return ServedSlate(
            slate_id=f"slate-{len(self.requests)}",
            domain=self.domain,
            placement=request.placement,
            user_id=request.user_id,
            model_version=self.version or 0,
            degraded=None,
            items=tuple(shown),
            shown_at=time.time_ns() // 1000,
            shortfall=None if len(shown) == wanted else "few_candidates",
            removed={"excluded": len(barred & set(CATALOGUE))},
            timings_ms={"retrieve": 0.1, "rank": 0.2},
            features_as_of=5,
            session_id=request.session_id,
            context=request.context,
        )

    def now(self) -> int:
        return time.time_ns() // 1000

    async def answer(self, request: SlateRequest) -> ServedSlate:
        if self.delay:
            await asyncio.sleep(self.delay)
        return self.recommend(request)

    def similar(self, item_id: str, k: int) -> list[dict[str, Any]]:
        self._fail()
        if item_id not in CATALOGUE:
            raise BadInput(f"no item {item_id!r} in the catalogue")
        others = [item for item in CATALOGUE if item != item_id]
        return [{"item_id": item, "name": item, "score": 0.5, "sources": ["content"]} for item in others[:k]]

    async def accept(self, events: list[LiveEvent]) -> Taken:
        self._fail()
        before = len(self.events)
        for event in events:
            self.events.setdefault(event.event_id, event)
        new = len(self.events) - before
        return Taken(new, len(events) - new)

    def put_item(self, item_id: str, fields: dict[str, Any]) -> dict[str, Any]:
        self._fail()
        self.items.setdefault(item_id, {}).update(fields)
        return {"item_id": item_id, "fields": sorted(fields)}

    def erase(self, user_id: str) -> dict[str, Any]:
        self._fail()
        theirs = [event.event_id for event in self.events.values() if event.user_id == user_id]
        for event_id in theirs:
            del self.events[event_id]
        return {"events": len(theirs)}

    def shown(self, slate: ServedSlate) -> None:
        self.impressions.append(slate)

    def facts(self) -> dict[str, Any]:
        return {"version": self.version, "freshness_seconds": 0.25, "items_held": len(CATALOGUE), "note": "text"}
