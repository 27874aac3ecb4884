"""From the ranker's candidates to slates: take away, weigh, arrange, and make sure that nothing came back."""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints, Reals
from ml.data.requests import Requests
from ml.domains.reranking import Diversity, Reranking
from ml.errors import RunFailed
from ml.reranking.boosting import boosts, normalised
from ml.reranking.catalogue import Catalogue
from ml.reranking.choice import Choice
from ml.reranking.draws import uniforms
from ml.reranking.past import Intervals
from ml.reranking.pool import Pool
from ml.reranking.removal import Removal, removal

# Why a slate is short.
NO_CANDIDATES, NO_ELIGIBLE = "no_candidates", "no_eligible_items"
NOTHING_LEFT, FEW_LEFT = "no_items_left", "few_items_left"
# What may be wrong with slates, as the kernel tells it; 0: nothing.
PUT_BACK, TWICE = 1, 2


@dataclass(frozen=True)
class Reranked:
    """Slates of R requests with K places; -1 where a slate is shorter."""

    item: Indices  # (R, K)
    score: Floats  # (R, K) the ranker's; -inf: a pin that was not its candidate
    sources: Ints  # (R, K) bit t: found by retriever t
    rank: Ints  # (R, K) place from 0 among the ranker's candidates; -1: none
    propensity: Reals  # (R, K) P(this item at this place | request), after all rules; 0 where there is none
    explored: Bools  # (R, K) drawn by chance
    removal: Removal  # of the whole pool

    def shortfall(self, row: int) -> str | None:
        """Why a slate is not full; None where it is."""
        if self.item[row].min(initial=0) >= 0:
            return None
        there = self.removal.there[row]
        if self.item[row, 0] >= 0:
            return FEW_LEFT
        if not there.any():
            return NO_CANDIDATES
        eligible = there & (self.removal.bits[row] & 1 == 0)
        return NOTHING_LEFT if eligible.any() else NO_ELIGIBLE

    def with_rows(self, rows: Ints, other: "Reranked") -> "Reranked":
        """The same with these requests' slates, of as many places, replaced by the others."""
        changed = {each.name: getattr(self, each.name).copy() for each in fields(self) if each.name != "removal"}
        for name, values in changed.items():
            values[rows] = getattr(other, name)
        return Reranked(**changed, removal=self.removal.with_rows(rows, other.removal))


@dataclass(frozen=True)
class Reranker:
    """A policy with what it reads of items and of the past."""

    policy: Reranking
    catalogue: Catalogue
    intervals: Intervals

    def rerank(self, pool: Pool, allowed: Bools, requests: Requests, choice: Choice, k: int) -> Reranked:
        """The slates of R requests (see `rerank`)."""
        return rerank(self.policy, pool, allowed, self.catalogue, self.intervals, requests, choice, k)


def rerank(
    policy: Reranking, pool: Pool, allowed: Bools, catalogue: Catalogue, intervals: Intervals,
    requests: Requests, choice: Choice, k: int,
) -> Reranked:  # fmt: skip
    """Slates of at most K items, the same for the same request.

    Args:
        policy: What is done.
        pool: The candidates, pinned items among them (`Pool.with_pinned`).
        allowed: (R, C) what the rules of eligibility leave of them. Nothing else is ever shown.
        catalogue: What is known of items.
        intervals: How often users buy again.
        requests: Whose slates, when, and what happened to them before.
        choice: What the persons chose.
        k: Places.

    Raises:
        BadInput: The policy or the choice reads what items do not have.
        RunFailed: A slate would hold what was taken away, or an item twice; nothing is returned then.
    """
    taken = removal(policy, pool, allowed, catalogue, intervals, requests, choice)
    value = normalised(pool.score, taken.kept)
    value += boosts(policy, catalogue, pool.item, requests.moment)
    pinned = np.where(taken.kept, pool.places(policy.pins, catalogue), -1)
    place, propensity, explored = _arranged(policy, pool, value, pinned, catalogue, requests, k)
    _refuse_removed(pool, place, taken)
    item, score, sources = pool.at(place)
    rank = np.where(np.isfinite(score), place, -1)
    return Reranked(item, score, sources, rank, propensity, explored, taken)


def _arranged(
    policy: Reranking, pool: Pool, value: Reals, pinned: Ints, catalogue: Catalogue, requests: Requests, k: int
) -> tuple[Ints, Reals, Bools]:
    """(R, K) the column of each place's candidate, its propensity, and whether it was drawn."""
    from ml.reranking.kernels import arrange

    shape = (len(pool), k)
    place, propensity, explored = np.full(shape, -1, np.int64), np.zeros(shape), np.zeros(shape, bool)
    if not pool.item.shape[1]:
        return place, propensity, explored
    exploration = policy.exploration
    uniform = uniforms(exploration.seed, requests.user, requests.moment, 2 * k).reshape(*shape, 2)
    weights = _weights(policy.diversity, len(catalogue.vectors) > 0)
    arrange(
        pool.item, value, pinned, catalogue.category, catalogue.path, catalogue.brand, catalogue.vectors, weights,
        policy.diversity.weight if weights.any() else 0.0, policy.maximum_per_category or pool.item.shape[1] + 1,
        min(exploration.slots, k), exploration.epsilon, exploration.temperature or 0.0, uniform,
        place, propensity, explored,
    )  # fmt: skip
    return place, propensity, explored


@lru_cache(maxsize=64)
def _weights(of: Diversity, vectors: bool) -> Reals:
    """(3,) the weights of the likenesses, adding up to 1; zeros where likeness costs nothing."""
    weights = np.array([of.category, of.brand, of.vectors if vectors else 0.0])
    return weights / weights.sum() if of.weight > 0 and weights.any() else np.zeros(3)


def _refuse_removed(pool: Pool, place: Ints, taken: Removal) -> None:
    """What was taken away may not come back, whatever arranged the slate."""
    from ml.reranking.kernels import fault

    found = fault(pool.item, place, taken.kept)
    if found == PUT_BACK:
        raise RunFailed("re-ranking put back an item that a rule had taken away: no slate is shown")
    if found == TWICE:
        raise RunFailed("re-ranking put an item into a slate twice: no slate is shown")
