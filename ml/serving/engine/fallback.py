"""Slates without retrieval and ranking: what the user was last offered, else what suits their like.

Nothing here is let past the rules: re-ranking is the same, only its candidates are older or more general.
"""

import numpy as np

from ml.data.arrays import is_among
from ml.ranking.recommender import Slates
from ml.serving.contract import CACHED_SLATE, SEGMENT_POPULARITY, ServedSlate
from ml.serving.engine.answering import served
from ml.serving.engine.asking import NONE, Ask, put_together
from ml.serving.engine.profile import Pool
from ml.serving.engine.ranking import arrange
from ml.serving.engine.release import Release
from ml.serving.engine.retrieving import retrieve

POPULAR = ("segment_popularity", "popularity")  # the first that was trained says what suits somebody's like
NOTHING = Pool(NONE, np.zeros(0, np.float32), np.zeros(0, np.int64))


def cheap_slate(release: Release, ask: Ask) -> ServedSlate:
    """A slate from what is at hand: no store, no ranker, and no retriever but popularity."""
    last = ask.profile.pools.get(ask.plan.name)
    step = CACHED_SLATE if last else SEGMENT_POPULARITY
    pool = _without(last or _popular(release, ask), ask)
    asked = put_together(release, [ask])
    slates = Slates(pool.item[None], pool.score[None], pool.sources[None])
    arranged = arrange([ask], asked.requests, slates)
    return served(release, [ask], arranged, [step], {})[0]


def _without(pool: Pool, ask: Ask) -> Pool:
    """The candidates that the request leaves; those barred may have changed since they were found."""
    barred = ask.exclude if ask.profile.barred is None else np.union1d(ask.exclude, ask.profile.barred)
    kept = ~is_among(pool.item, barred) & (pool.item >= 0)
    return Pool(pool.item[kept], pool.score[kept], pool.sources[kept])


def _popular(release: Release, ask: Ask) -> Pool:
    """What is popular with users like this one."""
    trained = release.bundle.recommender.names
    name = next((each for each in POPULAR if each in trained), None)
    if name is None:
        return NOTHING
    found = retrieve(release, put_together(release, [ask]), lambda _name, _error: None, lambda: True, only=name)[0][
        name
    ]
    there = found.item[0] >= 0
    sources = np.full(there.sum(), 1 << trained.index(name), np.int64)
    return Pool(found.item[0][there], found.score[0][there], sources)
