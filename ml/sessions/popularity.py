"""Popularity: the same list for everybody, and what every other model ends with when it knows nothing more."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from ml.data.arrays import Floats, Indices, Ragged
from ml.domains.frozen import Frozen
from ml.retrieval.contract import Ranking
from ml.sessions.sessions import HalfLife, Queries, Sessions


class PopularityParameters(Frozen):
    """What counts as popular."""

    half_life: HalfLife = Field(
        0.0,
        ge=0,
        description="Age at which a click counts half, as a share of the time that the sessions span; 0: never.",
    )


@dataclass(frozen=True)
class Popularity:
    """Score: clicks of the item, decayed with their age."""

    name: ClassVar[str] = "popularity"
    Parameters: ClassVar[type[Frozen]] = PopularityParameters

    count: Floats  # (I,)
    order: Indices  # (I,) items, most popular first

    @classmethod
    def fit(cls, sessions: Sessions, parameters: PopularityParameters, *, seed: int, threads: int) -> Self:  # noqa: ARG003
        """Count the clicks."""
        count = decayed_counts(sessions, parameters.half_life)
        return cls(count, np.argsort(-count, kind="stable").astype(np.int32))

    def rank(self, queries: Queries, k: int) -> Ranking:
        """The same K items for every query."""
        item = self.order[:k]
        shape = (len(queries), len(item))
        return Ranking(np.broadcast_to(item, shape), np.broadcast_to(self.count[item], shape))

    def score(self, queries: Queries, candidates: Ragged) -> Floats:  # noqa: ARG002 - the contract's signature
        """(N,) the decayed clicks of each candidate."""
        return self.count[candidates.values]


def decayed_counts(sessions: Sessions, half_life: float) -> Floats:
    """(I,) clicks of each item, each weighing as `Sessions.recency` says."""
    weight = sessions.recency(half_life)[sessions.clicks.rows]
    counted = np.bincount(sessions.clicks.values, weight, sessions.items)
    return counted.astype(np.float32)


def filled(ranking: Ranking, order: Indices, k: int) -> Ranking:
    """The ranking with its missing places filled by popular items, below all that the model found itself.

    Args:
        ranking: (C, ≤ K) with -1 for missing places, which come last.
        order: (I,) items, most popular first.
        k: How many places each query gets; fewer where the catalogue is smaller.
    """
    k = min(k, len(order))
    item = np.full((len(ranking.item), k), -1, np.int32)
    score = np.full(item.shape, -np.inf, np.float32)
    width = min(k, ranking.item.shape[1])
    item[:, :width], score[:, :width] = ranking.item[:, :width], ranking.score[:, :width]
    for row in np.flatnonzero(item[:, -1] < 0):
        known = np.count_nonzero(item[row] >= 0)
        found = order[: 2 * k][~np.isin(order[: 2 * k], item[row, :known])][: k - known]
        item[row, known:] = found
        lowest = min(score[row, known - 1], 0.0) if known else 0.0
        score[row, known:] = lowest - 1 - np.arange(len(found))
    return Ranking(item, score)
