"""Why one user is shown one item, or is not."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ml.bundle.bundle import Bundle
from ml.bundle.policy import Answer, Asking
from ml.domains import get_domain
from ml.domains.domain import Outputs
from ml.errors import BadInput
from ml.reranking import eligibility
from ml.reranking.boosting import boosts, normalised
from ml.reranking.choice import Choice, Temper
from ml.steps.choices import refuse_unknown_outputs
from ml.steps.recommending import champion
from ml.steps.record import recorded


@recorded("explain")
def explain(
    domain: str, user_id: str, item_id: str, *, channel: str | None = None, risk: Temper | None = None,
    interests: Sequence[str] = (), outputs: Outputs | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Why the champion's slate for a user holds an item, or does not; asked as `recommend` is.

    Returns:
        `user_id`, `item_id`, `name`, `model_version`, `shown`, `position` and `propensity` (null where it is not),
        `rank` (the ranker's, from 1; null: no retriever found it), `relevance` (its score from 0, the least of what is
        left, to 1) and `boost` (null where it was taken away before), `taken_by` (the steps that took it away),
        `outputs` (what the slate is for), `owned` (whether the user has the item), `rules`: every rule with its version,
        verdict, facts used and both reasons; and `why` in words.

    Raises:
        BadInput: The bundle has no such item, or there are no such outputs.
    """
    refuse_unknown_outputs(get_domain(domain), outputs)
    version, bundle = champion(domain)
    item = int(bundle.items.encode([item_id])[0])
    if item < 0:
        raise BadInput(f"there is no item {item_id!r} in the bundle of {bundle.manifest['as_of']}")
    user = bundle.users.encode(np.asarray([user_id], object))
    asking = Asking(Choice(risk, tuple(interests)), channel, outputs)
    answer = bundle.answer(user, bundle.manifest["slate_size"], asking=asking)
    told = {**_in_pool(bundle, answer, item), "rank": _rank(bundle, answer, item)}
    told |= {"outputs": outputs or bundle.knowledge.outputs, "owned": _owned(answer, item)}
    judged = bundle.policy.judge(answer.requests, np.array([[item]], np.int32), channel)
    rules = [asdict(rule) for rule in eligibility.explain(judged, answer.requests, 0, 0)]
    barred = answer.requests.barred is not None and item in answer.requests.barred[0]
    why = _why(told, barred=barred, allowed=bool(judged.allowed[0, 0]), pool=bundle.policy.reranker.policy.pool)
    named = {"user_id": user_id, "item_id": item_id, "name": bundle.names[item], "model_version": version.number}
    return {**named, **told, "rules": rules, "why": why}


def _owned(answer: Answer, item: int) -> bool:
    held = answer.requests.held
    return held is not None and item in held[0]


def _in_pool(bundle: Bundle, answer: Answer, item: int) -> dict[str, Any]:
    """What re-ranking did with it."""
    slates, removal = answer.reranked, answer.reranked.removal
    place, column = np.flatnonzero(slates.item[0] == item), np.flatnonzero(answer.pool.item[0] == item)
    told: dict[str, Any] = dict.fromkeys(("position", "propensity", "relevance", "boost"))
    told |= {"shown": bool(len(place)), "explored": False, "taken_by": []}
    if len(place):
        told |= {"position": int(place[0]) + 1, "propensity": float(slates.propensity[0, place[0]])}
        told["explored"] = bool(slates.explored[0, place[0]])
    if not len(column):
        return told
    told["taken_by"] = list(removal.named(int(removal.bits[0, column[0]])))
    relevance = float(normalised(answer.pool.score, removal.kept)[0, column[0]])
    if np.isfinite(relevance):
        reranker = bundle.policy.reranker
        moved = boosts(reranker.policy, reranker.catalogue, answer.pool.item, answer.requests.moment)
        told |= {"relevance": relevance, "boost": float(moved[0, column[0]])}
    return told


def _rank(bundle: Bundle, answer: Answer, item: int) -> int | None:
    """Its place from 1 among all that the retrievers found; None: none found it."""
    found = bundle.recommender.recommend(
        answer.requests, bundle.snapshot, bundle.recommender.maximum, exclude=answer.requests.without(None)
    )
    place = np.flatnonzero(found.item[0] == item)
    return int(place[0]) + 1 if len(place) else None


def _why(told: dict[str, Any], *, barred: bool, allowed: bool, pool: int) -> str:
    if told["shown"]:
        how = "drawn by chance for" if told["explored"] else "shown at"
        return f"{how} place {told['position']}; the ranker had it at {told['rank'] or 'none'}"
    if barred:
        return f"the slate is for {told['outputs']} items, and the user {'has' if told['owned'] else 'has not'} it"
    if not allowed or told["taken_by"]:
        return f"taken away by: {', '.join(told['taken_by'] or ['rules'])}"
    if told["rank"] is None:
        return "no retriever found it for this user"
    if told["rank"] > pool:
        return f"the ranker had it at {told['rank']}, and the best {pool} alone are re-ranked"
    return f"the ranker had it at {told['rank']}, and others took the places by relevance, boosts, diversity and caps"
