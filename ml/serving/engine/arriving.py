"""The engine with items that came, or changed, after its bundle was sealed."""

from collections.abc import Sequence
from dataclasses import replace

from ml.bundle.arrivals import extended
from ml.data.new_items import NewItem
from ml.serving.contract import SlateRequest
from ml.serving.engine.engine import SlateEngine
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
    release = Release.of(before.domain, before.version, bundle)
    release.item_features.take_over(before.item_features)
    changed = replace(engine, release=release, profiles=engine.profiles.moved(release))
    for name, plan in release.plans.items():  # what is read lazily is read now, and nobody waits for it
        if not plan.placement.anchored:
            changed.recommend(SlateRequest(name))
    return changed
