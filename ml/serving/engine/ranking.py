"""One call of the ranker for a batch, and the policy of each placement on what it says."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from ml.bundle.policy import Answer
from ml.data.arrays import Ints
from ml.data.requests import Requests
from ml.ranking.candidates import Candidates, merge
from ml.ranking.frame import build_frame
from ml.ranking.recommender import Slates
from ml.ranking.training import ordered
from ml.retrieval.contract import Ranking
from ml.serving.engine.asking import Ask, Asked, ragged
from ml.serving.engine.profile import Pool
from ml.serving.engine.release import Release


@dataclass(frozen=True)
class Arranged:
    """The slates of some requests that were asked for in one way, with all that led to them."""

    rows: Sequence[int]  # of the batch
    answer: Answer


def candidates_of(release: Release, rankings: Mapping[str, Ranking]) -> Candidates:
    """What the retrievers found, merged as in training."""
    recommender = release.bundle.recommender
    return merge(rankings, recommender.quotas, recommender.maximum)


def ranked(release: Release, asked: Asked, candidates: Candidates) -> Slates:
    """All candidates of each request in the ranker's order."""
    recommender = release.bundle.recommender
    frame = build_frame(recommender.visible.requests(asked.requests), candidates, asked.snapshot)
    score = recommender.ranker.predict(frame)
    return Slates(*ordered(candidates, score, recommender.maximum))


def arrange(asks: Sequence[Ask], requests: Requests, slates: Slates) -> list[Arranged]:
    """The slates of each way of asking: placement, size and choice."""
    order = sorted(range(len(asks)), key=lambda row: _way(asks[row])[:2])
    return [_arranged([*rows], asks, requests, slates) for _, rows in groupby(order, lambda row: _way(asks[row]))]


def _way(ask: Ask) -> tuple[Any, ...]:
    return ask.plan.name, ask.k, ask.request.choice


def _arranged(rows: Sequence[int], asks: Sequence[Ask], requests: Requests, slates: Slates) -> Arranged:
    first, at = asks[rows[0]], np.array(rows, np.int64)
    whole = len(rows) == len(requests)
    part = requests if whole else requests.take(at)

    def of(chosen: Ints | None, depth: int) -> Slates:
        taken = at if chosen is None else at[chosen]
        return Slates(slates.item[taken, :depth], slates.score[taken, :depth], slates.sources[taken, :depth])

    # What is barred was not looked for, and must be named for pins, which need not be found.
    exclude = part.without(ragged([asks[row].exclude for row in rows]))
    asking = first.plan.asking(first.request.choice)
    return Arranged(rows, first.plan.policy.arranged(of, slates.item.shape[1], part, first.k, exclude, asking))


def remember(asks: Sequence[Ask], slates: Slates, missing: Sequence[Collection[str]]) -> None:
    """Keep each user's best candidates for a moment when there is no time to find them, unless some are missing."""
    for row, ask in enumerate(asks):
        if missing[row]:
            continue
        depth = ask.plan.policy.reranker.policy.pool
        pool = Pool(slates.item[row, :depth], slates.score[row, :depth], slates.sources[row, :depth])
        ask.profile.pools[ask.plan.name] = pool
