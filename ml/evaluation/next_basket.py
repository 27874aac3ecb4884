"""How well a customer's next basket is found, over the whole catalogue, with ties broken against the model.

Among items of the same score those that were not taken stand first: a model that gives every item the same score
finds nothing until the items that were not taken run out, instead of being as lucky as the items' numbers are.

As in the next-basket reality check (Li, Jullien, Ariannezhad, de Rijke, TOIS 2023), with n items in the basket:

    recall@k  found among the first k / n        hit_rate@k  1 where any is found
    ndcg@k    Σ 1 / log2(rank + 1) of those found among the first k, over the same sum of the ideal min(k, n) ranks

Three questions are asked of the same scores. `metrics`: the basket, all items ranked. `repeats`: the items of the
basket that the customer took before, only such items ranked. `discoveries`: the others, only items ranked that the
customer never took. A customer whose basket has none of a kind takes no part in its mean.

Shapes: C customers, I items, K ranks, M metrics.
"""

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ragged
from ml.evaluation.arrays import Doubles
from ml.evaluation.metrics import hits, keys_of
from ml.evaluation.significance import Interval, intervals, means, resampled_means
from ml.retrieval.contract import top_k

CUTOFFS = (10, 20)
DEPTH = max(CUTOFFS)
NAMES = tuple(f"{metric}@{k}" for k in CUTOFFS for metric in ("recall", "ndcg", "hit_rate"))
PARTS = ("metrics", "repeats", "discoveries")


def ranked(scores: Floats, baskets: Ragged, k: int = DEPTH) -> Indices:
    """(C, k) the best items of each row of scores (C, I), best first, of equal ones the untaken first; -1: no more.

    Args:
        scores: Higher is better; `-inf` is never ranked.
        baskets: (C) rows of the items taken; numbers beyond the catalogue are never found.
        k: Ranks.

    Raises:
        ValueError: where a score is not a number.
    """
    exact = scores.astype(np.float64)
    known = baskets.values < scores.shape[1]
    at = baskets.rows[known], baskets.values[known]
    exact[at] = np.nextafter(exact[at], -np.inf)  # below its equals, and above all that float32 tells from them
    found = np.full((len(scores), k), -1, np.int32)
    best = top_k(exact, k).item
    found[:, : best.shape[1]] = best
    return found


def basket_metrics(item: Indices, baskets: Ragged) -> Doubles:
    """(C, M) every metric of each ranking (C, K), columns as in `NAMES`; NaN where the basket is empty."""
    hit = np.zeros((len(item), DEPTH))
    hit[:, : item.shape[1]] = hits(item, baskets)[:, :DEPTH]
    discount = 1 / np.log2(np.arange(2, DEPTH + 2, dtype=np.float64))
    found, gain, ideal = np.cumsum(hit, axis=1), np.cumsum(hit * discount, axis=1), np.cumsum(discount)
    count = np.where(baskets.lengths > 0, baskets.lengths, 1)
    columns: list[Doubles] = []
    for k in CUTOFFS:
        at = k - 1
        columns += [
            found[:, at] / count,
            gain[:, at] / ideal[np.minimum(count, k) - 1],
            (found[:, at] > 0).astype(np.float64),
        ]
    return np.where(baskets.lengths[:, None] > 0, np.stack(columns, axis=1), np.nan)


def split_metrics(item: Indices, scores: Floats, baskets: Ragged, before: Ragged) -> Doubles:
    """(C, 3M) the metrics of each of `PARTS`, one after the other.

    Args:
        item: (C, K) as `ranked` gives them for these scores.
        scores: (C, I)
        baskets: What was taken.
        before: What each customer had taken before.
    """
    repeats, discoveries = split_by(baskets, before)
    own = np.full(scores.shape, -np.inf, np.float32)
    own[before.rows, before.values] = scores[before.rows, before.values]
    new = scores.copy()
    new[before.rows, before.values] = -np.inf
    parts = [
        basket_metrics(item, baskets),
        basket_metrics(ranked(own, repeats), repeats),
        basket_metrics(ranked(new, discoveries), discoveries),
    ]
    return np.concatenate(parts, axis=1)


def split_by(baskets: Ragged, before: Ragged) -> tuple[Ragged, Ragged]:
    """The repeats and the discoveries of each basket, given what each customer took before."""
    width = int(max(baskets.values.max(initial=0), before.values.max(initial=0))) + 1
    known = np.isin(keys_of(baskets, width), keys_of(before, width))
    return _kept(baskets, known), _kept(baskets, ~known)


def basket_intervals(values: Doubles, *, seed: int) -> dict[str, dict[str, Interval]]:
    """Each metric's mean by part, with an interval from resampling customers, of what `split_metrics` gave (C, 3M)."""
    found = intervals(means(values), resampled_means(values, np.arange(len(values)), seed=seed))
    size = len(NAMES)
    return {part: dict(zip(NAMES, found[at * size :][:size], strict=True)) for at, part in enumerate(PARTS)}


def _kept(rows: Ragged, keep: Bools) -> Ragged:
    return Ragged.from_pairs(rows.rows[keep], rows.values[keep], len(rows))
