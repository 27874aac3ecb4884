"""The engine with items that came, or changed, after its bundle was sealed."""

from collections.abc import Sequence
from dataclasses import replace

from ml.bundle.arrivals import extended
from ml.data.new_items import NewItem
from ml.serving.contract import SlateRequest
from ml.serving.engine.building import build_profile
from ml.serving.engine.engine import SlateEngine
from ml.serving.engine.featuring import SOME_EVENT
from ml.serving.engine.release import Release


def with_items(engine: SlateEngine, items: Sequence[NewItem]) -> SlateEngine:
    """The same engine knowing these items; what was found for profiles stays, but where new ones may be among it.

    Raises:
        RunFailed: The bundle cannot embed what a new item reads like.
    """
    before = engine.release
    bundle = extended(before.bundle, items)
    if bundle is before.bundle:
        return engine
    release = Release.of(before.domain, before.version, bundle, before.featuring.grown(bundle))
    release.item_features.take_over(before.item_features, [item.item_id for item in items])
    changed = replace(engine, release=release, profiles=engine.profiles.moved(release))
    _ready(changed)
    return changed


def _ready(engine: SlateEngine) -> None:
    """Read now what is read lazily: of what anybody asks for, and of somebody who did something. Nobody waits for it."""
    for name, plan in engine.release.plans.items():
        if not plan.placement.anchored:
            engine.recommend(SlateRequest(name))
    for user in engine.release.bundle.users.ids[:1]:
        build_profile(engine.release, str(user), 0, [SOME_EVENT], engine.clock())
