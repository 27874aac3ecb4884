"""One call of the ranker for a batch, and the policy of each placement on what it says."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ml.bundle.policy import Answer
from ml.data.arrays import Ints
from ml.data.requests import Requests
from ml.ranking.candidates import Candidates
from ml.ranking.frame import build_frame
from ml.ranking.recommender import Slates
from ml.ranking.training import ordered
from ml.serving.contract import SlateRequest
from ml.serving.engine.asking import Ask, Asked, ragged
from ml.serving.engine.profile import Pool
from ml.serving.engine.release import Release


@dataclass(frozen=True)
class Arranged:
    """The slates of some requests that were asked for in one way, with all that led to them."""

    rows: Sequence[int]  # of the batch
    answer: Answer


def ranked(release: Release, asked: Asked, candidates: Candidates) -> Slates:
    """All candidates of each request in the ranker's order."""
    recommender = release.bundle.recommender
    frame = build_frame(recommender.visible.requests(asked.requests), candidates, asked.snapshot)
    score = recommender.ranker.predict(frame)
    return Slates(*ordered(candidates, score, recommender.maximum))


def way_of(request: SlateRequest) -> tuple[str, int]:
    """What tells requests apart that cannot be arranged together, but for what their users chose."""
    return request.placement, request.k or 0


def arrange(asks: Sequence[Ask], requests: Requests, slates: Slates) -> list[Arranged]:
    """The slates of each way of asking: placement, size and choice. Those of one way best stand in a row."""
    ways = groupby(range(len(asks)), lambda row: (asks[row].plan.name, asks[row].k, asks[row].request.choice))
    return [_arranged([*rows], asks, requests, slates) for _, rows in ways]


def _arranged(rows: Sequence[int], asks: Sequence[Ask], requests: Requests, slates: Slates) -> Arranged:
    first, start, stop = asks[rows[0]], rows[0], rows[-1] + 1
    part = requests if len(rows) == len(requests) else requests.between(start, stop)

    def of(chosen: Ints | None, depth: int) -> Slates:
        taken = slice(start, stop) if chosen is None else start + chosen
        item, score = (
            np.ascontiguousarray(slates.item[taken, :depth]),
            np.ascontiguousarray(slates.score[taken, :depth]),
        )
        return Slates(item, score, slates.sources[taken, :depth])

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
        item, score, sources = slates.item[row, :depth], slates.score[row, :depth], slates.sources[row, :depth]
        # Copies: a view would keep the arrays of the whole batch.
        ask.profile.pools[ask.plan.name] = Pool(item.copy(), score.copy(), sources.copy())
