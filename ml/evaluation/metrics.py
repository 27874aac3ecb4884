"""Accuracy of rankings over the full catalogue, one value a case.

No negatives are sampled: sampled metrics order models differently from exact ones (Krichene and Rendle, "On
sampled metrics for item recommendation", KDD 2020). With n labels, rel_i = 1 where rank i holds a label:

    recall@k     Σ_{i≤k} rel_i / n                      precision@k  Σ_{i≤k} rel_i / k
    hit_rate@k   1 if any rel_i, i ≤ k                  mrr@k        1 / rank of the first label, 0 below rank k
    ndcg@k       Σ_{i≤k} rel_i / log2(i + 1), over the same sum of an ideal ranking, truncated at k
                 (Järvelin and Kekäläinen, TOIS 2002)
    map@k        Σ_{i≤k} rel_i · precision@i / min(k, n)
"""

import numpy as np

from ml.data.arrays import Bools, Indices, Ints, Ragged, is_among
from ml.evaluation.arrays import Doubles
from ml.retrieval.contract import Ranking

CUTOFFS = (5, 10, 20, 50, 100)
ACCURACY = ("recall", "precision", "mrr", "ndcg", "map", "hit_rate")
SEVEN = 7  # the cut-off of the mean average precision by which results on monthly snapshots are published
ACCURACY_NAMES = (*(f"{metric}@{k}" for metric in ACCURACY for k in CUTOFFS), f"map@{SEVEN}")
DEPTH = max(CUTOFFS)  # how many items each model ranks


def accuracy(ranking: Ranking, labels: Ragged) -> Doubles:
    """(R, 31) every accuracy metric at every cut-off, columns as in `ACCURACY_NAMES`.

    Args:
        ranking: (R, K) the best items of each case, no item twice; missing ranks count as misses.
        labels: The distinct items taken; every row must have one.

    Raises:
        ValueError: where a case has no label (leave it out: nothing could be found) or a ranking repeats an item.
    """
    count = labels.lengths
    if not count.all():
        raise ValueError(f"case {int(np.argmin(count))} has no labels: leave such cases out before measuring")
    hit = _padded(hits(ranking.item, labels), DEPTH).astype(np.float64)  # (R, D)
    rank = np.arange(1, DEPTH + 1)
    found = np.cumsum(hit, axis=1)  # (R, D) labels among the first i
    first = np.where(found[:, -1] > 0, hit.argmax(axis=1) + 1, np.inf)  # (R,)
    discount = 1 / np.log2(rank + 1)
    gain, ideal = np.cumsum(hit * discount, axis=1), np.r_[0.0, np.cumsum(discount)]
    precision_sum = np.cumsum(hit * found / rank, axis=1)
    columns: dict[str, Doubles] = {}
    for k in CUTOFFS:
        possible = np.minimum(count, k)
        columns[f"recall@{k}"] = found[:, k - 1] / count
        columns[f"precision@{k}"] = found[:, k - 1] / k
        columns[f"mrr@{k}"] = np.where(first <= k, 1 / first, 0.0)
        columns[f"ndcg@{k}"] = gain[:, k - 1] / ideal[possible]
        columns[f"map@{k}"] = precision_sum[:, k - 1] / possible
        columns[f"hit_rate@{k}"] = (first <= k).astype(np.float64)
    columns[f"map@{SEVEN}"] = precision_sum[:, SEVEN - 1] / np.minimum(count, SEVEN)
    return np.stack([columns[name] for name in ACCURACY_NAMES], axis=1)


def hits(item: Indices, labels: Ragged) -> Bools:
    """(R, K) whether each ranked item is a label of its case; False for -1."""
    if _repeats(item):
        raise ValueError("a ranking holds the same item twice: its metrics would count it twice")
    return member(item, labels)


def member(item: Indices, sets: Ragged) -> Bools:
    """(R, K) whether `item[r, j]` is in row r of `sets`; False for -1."""
    width = int(max(item.max(initial=0), sets.values.max(initial=0))) + 1
    keys = keys_of(sets, width)
    wanted = np.arange(len(item), dtype=np.int64)[:, None] * width + item
    return is_among(wanted, keys) & (item >= 0)


def keys_of(sets: Ragged, width: int) -> Ints:
    """(N,) row · width + value: one number for each member of each row."""
    return sets.rows.astype(np.int64) * width + sets.values


def _repeats(item: Indices) -> bool:
    ordered = np.sort(item, axis=1)
    return bool(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any())


def _padded(hit: Bools, depth: int) -> Bools:
    """(R, depth) the same hits with misses up to the depth."""
    wide = np.zeros((len(hit), depth), bool)
    wide[:, : hit.shape[1]] = hit[:, :depth]
    return wide
