"""The champion's answers: for one user, and for one item."""

from collections.abc import Sequence
from typing import Any

from ml.bundle.bundle import Bundle
from ml.bundle.policy import Asking
from ml.domains import get_domain
from ml.domains.domain import Outputs
from ml.logs import get_logger
from ml.reranking.choice import Choice, Temper
from ml.settings import settings
from ml.steps.choices import refuse_unknown_outputs
from ml.steps.promotion import open_version
from ml.steps.record import recorded
from ml.tracking import registry
from ml.tracking.registry import Version

log = get_logger(__name__)


@recorded("recommend")
def recommend(
    domain: str, user_id: str, k: int = 10, *, channel: str | None = None, risk: Temper | None = None,
    interests: Sequence[str] = (), outputs: Outputs | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The champion's slate for one user; an unknown one gets what suits anybody.

    Args:
        domain: Name of a declared domain.
        user_id: Whose slate.
        k: Most items.
        channel: Of marketing, through which the slate is sent; None: the user came by themselves.
        risk: Only what a conservative, or a tolerant, person would see.
        interests: Only items of these categories; none: of any.
        outputs: Items that the user has not (`new`), has (`owned`), or any (`mixed`); None: what it was trained for.

    Returns:
        `user_id`, `model_version`, `items`: a list of `item_id`, `name`, `score` (null: a pin that was no candidate),
        `sources`, `position`, `propensity`, `reasons`; `shortfall` (why there are fewer than K; null where there are
        not), `removed` (candidates taken away, by step) and `rules` (those that took any, as `id@version`).

    Raises:
        BadInput: There are no such outputs, or the domain does not know what users have.
    """
    refuse_unknown_outputs(get_domain(domain), outputs)
    version, bundle = champion(domain)
    (slate,) = bundle.recommend([user_id], k, Asking(Choice(risk, tuple(interests)), channel, outputs))
    if not bundle.knows(user_id):
        log.warning("user %s is unknown as of %s: what suits anybody", user_id, bundle.manifest["as_of"])
    if slate.shortfall:
        log.warning("%d of %d items for user %s: %s", len(slate.items), k, user_id, slate.shortfall)
    return {"model_version": version.number, **slate.as_dict()}


@recorded("similar")
def similar(domain: str, item_id: str, k: int = 10) -> dict[str, Any]:
    """The items whose vectors are nearest to one item's, in the same shape."""
    version, bundle = champion(domain)
    items = [
        {"item_id": item.item_id, "name": item.name, "score": item.score, "sources": list(item.sources)}
        for item in bundle.similar(item_id, k)
    ]
    return {"item_id": item_id, "model_version": version.number, "items": items}


def compare_indexes(domain: str) -> list[dict[str, Any]]:
    """Recall and speed of every nearest-neighbour index on the champion's own vectors."""
    from ml.bundle.ann_benchmark import measure_bundle

    return measure_bundle(champion(domain)[1], threads=settings().threads)


def champion(domain: str) -> tuple[Version, Bundle]:
    """The champion's version and its bundle; raises `RunFailed` where there is none."""
    version = registry.require(registry.version_at(domain, "champion"), "champion")
    return version, open_version(domain, version)
