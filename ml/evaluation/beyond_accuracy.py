"""What a slate is worth beyond hitting labels: novelty, diversity, serendipity, popularity, coverage.

For the first `SLATE` items of each case, p(i) being the share of users that took item i before:

    novelty          mean −log2 p(i), the self-information of meeting i (Vargas and Castells, RecSys 2011;
                     Zhou et al., PNAS 2010)
    diversity        mean over pairs of items of 1 where their categories differ, else 0: intra-list distance
                     (Ziegler et al., WWW 2005); an item without a category is unlike all others
    serendipity      share of items that were taken though nobody needed a model to expect them: not among the
                     `SLATE` items that the user took most often, nor the `SLATE` most popular ones (Ge,
                     Delgado-Battenfeld and Jannach, RecSys 2010, with both simple models as the expectation)
    popularity       mean p(i) of what is recommended (average recommendation popularity: Yin et al., VLDB 2012)
    popularity_bias  popularity less the mean p(i) of what was taken (after Abdollahpouri et al., RMSE 2019)

Over all cases of a segment:

    coverage         share of the catalogue that is recommended at least once (Ge et al. 2010)
    gini             inequality of exposure over the catalogue: 0 if all items are shown equally often, near 1 if few
                     take all (Castells, Hurley and Vargas, Recommender Systems Handbook, 2022)
"""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Indices, Ints, Ragged, distinct, is_among
from ml.data.dataset import Log
from ml.data.requests import Requests
from ml.evaluation.arrays import Doubles
from ml.evaluation.metrics import hits, member

SLATE = 10
CASE_NAMES = tuple(
    f"{name}@{SLATE}" for name in ("novelty", "diversity", "serendipity", "popularity", "popularity_bias")
)
COVERAGE, GINI = f"coverage@{SLATE}", f"gini@{SLATE}"
SEGMENT_NAMES = (COVERAGE, GINI)


@dataclass(frozen=True)
class Expectation:
    """What was known of the catalogue as of one instant."""

    popularity: Doubles  # (items,) share of users that took the item, plus one in both counts: never zero
    popular: Indices  # (SLATE,) the most popular items
    category: Indices  # (items,) -1: none

    @classmethod
    def of(cls, log: Log, category: Indices) -> "Expectation":
        """From a log that ends before the instant."""
        pairs = distinct(log.user.astype(np.int64) * log.items + log.item)
        takers = np.bincount(pairs % log.items, minlength=log.items)
        popular = np.argsort(-takers, kind="stable")[:SLATE].astype(np.int32)
        users = len(np.unique(log.user))
        return cls((takers + 1) / (users + 1), popular, category)


def beyond_accuracy(item: Indices, labels: Ragged, requests: Requests, known: Expectation) -> Doubles:
    """(R, 5) the metrics of each case, columns as in `CASE_NAMES`; NaN where one is not defined.

    Args:
        item: (R, K) ranked items, -1 where there are fewer; the first `SLATE` are judged.
        labels: The items taken, at least one a case.
        requests: The cases' requests.
        known: As of the cases' cadence.
    """
    slate = item[:, :SLATE]
    shown = slate >= 0
    popularity = _mean_where(known.popularity[np.maximum(slate, 0)], shown)
    taken = np.bincount(labels.rows, known.popularity[labels.values], len(labels)) / labels.lengths
    columns = (
        _mean_where(-np.log2(known.popularity)[np.maximum(slate, 0)], shown),
        _category_distance(slate, known.category),
        np.sum(hits(slate, labels) & ~_expected(slate, requests, known), axis=1) / SLATE,
        popularity,
        popularity - taken,
    )
    return np.stack(columns, axis=1)


def coverage(item: Indices, catalogue: int) -> float:
    """Share of the catalogue in the first `SLATE` columns of `item` (R, K)."""
    return len(_shown(item)[0]) / catalogue


def gini(item: Indices, catalogue: int) -> float:
    """Inequality of exposure in the first `SLATE` columns of `item` (R, K); NaN where nothing is shown."""
    counts = np.sort(_shown(item)[1])
    if not len(counts):
        return float("nan")
    place = np.arange(catalogue - len(counts) + 1, catalogue + 1)  # items never shown come first and add nothing
    return float(np.sum((2 * place - catalogue - 1) * counts) / (catalogue * counts.sum()))


def _shown(item: Indices) -> tuple[Indices, Ints]:
    """The distinct items that are recommended, and how often each."""
    slate = item[:, :SLATE]
    found, counts = np.unique(slate[slate >= 0], return_counts=True)
    return found, counts.astype(np.int64)


def _mean_where(values: Doubles, mask: Bools) -> Doubles:
    """(R,) mean of the values that a mask keeps; NaN where it keeps none."""
    count = mask.sum(axis=1)
    return np.where(count > 0, np.sum(values * mask, axis=1) / np.maximum(count, 1), np.nan)


def _category_distance(slate: Indices, category: Indices) -> Doubles:
    """(R,) share of pairs whose categories differ; NaN for less than two items or a catalogue without categories."""
    if not (category >= 0).any():
        return np.full(len(slate), np.nan)
    own = np.where(slate >= 0, category[np.maximum(slate, 0)], -1)
    alike = (own[:, :, None] == own[:, None, :]) & (own >= 0)[:, :, None]
    alike_pairs = np.triu(alike, 1).sum(axis=(1, 2))
    count = (slate >= 0).sum(axis=1)
    pairs = count * (count - 1) / 2
    return np.where(pairs > 0, 1 - alike_pairs / np.maximum(pairs, 1), np.nan)


def _expected(slate: Indices, requests: Requests, known: Expectation) -> Bools:
    """(R, K) whether a simple model would have shown the item: what is popular, or the user's own most frequent."""
    history, width = requests.history.items, len(known.popularity)
    keys, count = np.unique(history.rows * width + history.values, return_counts=True)
    row, own = np.divmod(keys, width)
    order = np.lexsort((own, -count, row))
    rank = np.arange(len(order)) - np.searchsorted(row, row)
    kept = order[rank < SLATE]
    usual = Ragged.from_pairs(row[kept], own[kept].astype(np.int32), len(requests))
    return member(slate, usual) | is_among(slate, known.popular)
