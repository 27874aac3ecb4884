"""How well the one item that comes next is found, over the whole catalogue, with ties broken against the model.

The rank of a target is the number of items that score at least as high, itself included: a model that gives every
item the same score gets the last rank everywhere, not a lucky one. With one target a case:

    p@k    1 where rank ≤ k (the papers' P@k, the same as recall@k and hit rate@k)
    mrr@k  1 / rank where rank ≤ k      ndcg@k  1 / log2(rank + 1) where rank ≤ k

Shapes: C cases, K ranks, M metrics.
"""

import numpy as np

from ml.data.arrays import Ints
from ml.evaluation.arrays import Doubles
from ml.evaluation.significance import Interval, intervals, means, resampled_means
from ml.retrieval.contract import Ranking

CUTOFFS = (5, 10, 20)
NAMES = (*(f"p@{k}" for k in CUTOFFS), *(f"mrr@{k}" for k in CUTOFFS), "ndcg@20")
LAST = 20
DEPTH = LAST + 1  # one more, so that a tie across the last place is seen


def target_ranks(ranking: Ranking, target: Ints) -> Doubles:
    """(C,) the rank of each target, ties broken against the model; infinite where it is not among the K.

    Args:
        ranking: (C, K) best first. A tie that may go on beyond place K counts as going on.
        target: (C,) item numbers; a negative one is never found.
    """
    hit = (ranking.item == target[:, None]) & (target[:, None] >= 0)  # (C, K)
    score = np.where(hit, ranking.score, -np.inf).max(axis=1, initial=-np.inf)  # (C,)
    rank = np.count_nonzero(ranking.score >= score[:, None], axis=1).astype(np.float64)
    found = hit.any(axis=1)
    return np.where(found, rank, np.inf)


def metrics(rank: Doubles) -> Doubles:
    """(C, M) every metric of each case, columns as in `NAMES`."""
    reciprocal, gain = 1 / rank, 1 / np.log2(rank + 1)
    within = [rank <= k for k in CUTOFFS]
    columns = [*(hit * 1.0 for hit in within), *(hit * reciprocal for hit in within), (rank <= LAST) * gain]
    return np.stack(columns, axis=1)


def metric_intervals(rank: Doubles, session: Ints, *, seed: int) -> dict[str, Interval]:
    """Each metric's mean over the cases (C,), with an interval from resampling whole sessions."""
    return _intervals(metrics(rank), session, seed)


def metric_differences(rank: Doubles, other: Doubles, session: Ints, *, seed: int) -> dict[str, Interval]:
    """How much higher each metric's mean is than that of another model on the same cases (C,), paired by session."""
    return _intervals(metrics(rank) - metrics(other), session, seed)


def _intervals(values: Doubles, session: Ints, seed: int) -> dict[str, Interval]:
    found = intervals(means(values), resampled_means(values, session, seed=seed))
    return dict(zip(NAMES, found, strict=True))


def coverage(ranking: Ranking, items: int, k: int = LAST) -> float:
    """Share of the catalogue that stands among the first K of any case."""
    shown = ranking.item[:, :k]
    return float(len(np.unique(shown[shown >= 0])) / items)


def mean_popularity(ranking: Ranking, count: Ints, k: int = LAST) -> float:
    """Mean clicks in training of what stands among the first K, as a share of the most clicked item's."""
    shown = ranking.item[:, :k]
    return float(count[shown[shown >= 0]].mean() / max(count.max(initial=0), 1))
