"""Slates without retrieval and ranking: what the user was last offered, else what suits their like.

Nothing here is let past the rules: re-ranking is the same, only its candidates are older or more general.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ml.data.arrays import Floats, Indices, is_among
from ml.ranking.recommender import Slates
from ml.retrieval.contract import top_k
from ml.serving.contract import CACHED_SLATE, SEGMENT_POPULARITY, ServedSlate
from ml.serving.engine.answering import served
from ml.serving.engine.asking import NONE, Ask, Asked, put_together
from ml.serving.engine.profile import Pool
from ml.serving.engine.ranking import arrange
from ml.serving.engine.release import Release
from ml.serving.engine.retrieving import retrieve

POPULAR = ("segment_popularity", "popularity")  # the first that was trained says what suits somebody's like
DEEP = 500  # of what is popular everywhere: some are barred, left out or out of stock
NOTHING = Pool(NONE, np.zeros(0, np.float32), np.zeros(0, np.int64))


def cheap_slates(release: Release, asks: Sequence[Ask]) -> list[ServedSlate]:
    """Slates from what is at hand: no store, no ranker, and no retriever but popularity."""
    asked = put_together(release, asks)
    last = [ask.profile.pools.get(ask.plan.name) for ask in asks]
    found = _answered(release, asked, last)
    short = [row for row, slate in enumerate(found) if slate.shortfall and last[row] is not None]
    if short:  # the last slate was asked for with other exclusions, or rules have taken away what it had
        part = asked.take(short)
        more = [_beneath(last[row] or NOTHING, pool) for row, pool in zip(short, _popular(release, part), strict=True)]
        for row, slate in zip(short, _answered(release, part, more, SEGMENT_POPULARITY), strict=True):
            found[row] = slate
    return found


def _answered(
    release: Release, asked: Asked, known: Sequence[Pool | None], said: str = CACHED_SLATE
) -> list[ServedSlate]:
    """A slate of each pool; where there is none, of what is popular."""
    strangers = [row for row, pool in enumerate(known) if pool is None]
    popular = dict(zip(strangers, _popular(release, asked.take(strangers)) if strangers else (), strict=True))
    pools = [_without(pool or popular[row], ask) for row, (pool, ask) in enumerate(zip(known, asked.asks, strict=True))]
    arranged = arrange(asked.asks, asked.requests, _side_by_side(pools))
    return served(release, asked.asks, arranged, [said if pool else SEGMENT_POPULARITY for pool in known], {})


def _beneath(pool: Pool, more: Pool) -> Pool:
    """A pool with what only another one has below it, in its order."""
    there = pool.item >= 0
    new = ~is_among(more.item, pool.item[there])
    lowest = pool.score[there].min(initial=0)
    score = lowest - 1 - np.arange(new.sum(), dtype=np.float32)
    return Pool(
        np.concatenate([pool.item[there], more.item[new]]), np.concatenate([pool.score[there], score]),
        np.concatenate([pool.sources[there], more.sources[new]]),
    )  # fmt: skip


def _without(pool: Pool, ask: Ask) -> Pool:
    """The candidates that the request leaves; those barred may have changed since they were found."""
    barred = ask.exclude if ask.profile.barred is None else np.union1d(ask.exclude, ask.profile.barred)
    if not len(barred):
        return pool
    kept = ~is_among(pool.item, barred)
    return Pool(pool.item[kept], pool.score[kept], pool.sources[kept])


def _side_by_side(pools: Sequence[Pool]) -> Slates:
    width = max(len(pool.item) for pool in pools)
    shape = (len(pools), width)
    slates = Slates(np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32), np.zeros(shape, np.int64))
    for row, pool in enumerate(pools):
        for name in ("item", "score", "sources"):
            getattr(slates, name)[row, : len(pool.item)] = getattr(pool, name)
    return slates


def _popular(release: Release, asked: Asked) -> list[Pool]:
    """What is popular with users like these; where that is told by places alone, what is popular everywhere."""
    recommender = release.bundle.recommender
    name = next((each for each in POPULAR if each in recommender.names), None)
    if name is None:
        return [NOTHING] * len(asked.asks)
    if set(recommender.retrievers[name].inputs) - {"place"}:
        return _found(release, asked, name)
    if name not in release.popular:
        nowhere = replace(asked.requests, place=np.full(len(asked.asks), -1, np.int32), barred=None).take(
            np.zeros(1, int)
        )
        scores = recommender.retrievers[name].score(recommender.visible.requests(nowhere))
        best = top_k(scores, DEEP)
        release.popular[name] = _pool(best.item[0], best.score[0], recommender.names.index(name))
    return [release.popular[name]] * len(asked.asks)


def _found(release: Release, asked: Asked, name: str) -> list[Pool]:
    """What a retriever that knows of users finds for them."""
    found = retrieve(release, asked, lambda _name, _error: None, lambda: True, only=name)[0]
    at = release.bundle.recommender.names.index(name)
    return [_pool(item, score, at) for item, score in zip(found.item, found.score, strict=True)]


def _pool(item: Indices, score: Floats, retriever: int) -> Pool:
    there = item >= 0
    return Pool(item[there], score[there], np.full(there.sum(), 1 << retriever, np.int64))
