"""What the second stage knows of a candidate: its item, the customer, both together, and what each model says.

Ages are counted in baskets back from the one that is asked for: 1 is the customer's latest.

Shapes: R requests, N candidates of all of them, I items, H half-lives.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ml.baskets.baskets import Baskets
from ml.data.arrays import Floats, Indices, Ints, Reals
from ml.data.requests import History, Requests
from ml.ranking.candidates import Candidates
from ml.ranking.frame import Frame
from ml.retrieval.history import sessions_since

HALF_LIVES = (0.5, 2.0, 8.0)  # baskets
PRIOR = 20.0  # purchases at which an item's own rate and the overall one count the same
ITEM = ("item_buyers", "item_repeat_rate", "item_new_share", "item_basket_size")
CUSTOMER = ("visits", "basket_size", "last_basket_size", "distinct", "repeat_share", "taste_popularity")
PAIR = ("count", "since", "first", "share", "gap", "since_over_gap")


@dataclass(frozen=True)
class ItemFacts:
    """What all baskets tell of each item; the last row is of an item that nobody took."""

    names: tuple[str, ...]
    values: Floats  # (I, F)

    @classmethod
    def of(cls, baskets: Baskets) -> "ItemFacts":
        """Popularity of all time and of late, how it changes, how often an item is taken again, and beside how many."""
        count = _counts(baskets, np.ones(len(baskets)))
        late = [_counts(baskets, 0.5 ** (baskets.back / half_life)) for half_life in HALF_LIVES]
        shares = [_log_share(counted) for counted in (count, *late)]
        again, could = _repeated(baskets)
        overall = again.sum() / max(could.sum(), 1.0)
        first = _counts(baskets, first_purchases(baskets))
        size = _counts(baskets, basket_sizes(baskets).astype(np.float64))
        seen = np.maximum(count, 1)
        columns = [
            np.log1p(first), (again + PRIOR * overall) / (could + PRIOR), first / seen, size / seen,
            shares[0], *(share - shares[0] for share in shares[1:]),
        ]  # fmt: skip
        names = (*ITEM, "item_log_share", *(f"item_trend_{half_life:g}" for half_life in HALF_LIVES))
        return cls(names, np.stack(columns, axis=1).astype(np.float32))


def build_frame(requests: Requests, candidates: Candidates, said: Mapping[str, Floats], facts: ItemFacts) -> Frame:
    """One row a candidate.

    Args:
        requests: What is asked; all that is said of the customer comes from its history.
        candidates: As `merge` gives them, a request's side by side.
        said: (R, I) scores by model, of every item; `-inf` where the model has nothing to say.
        facts: Of the catalogue, from the same baskets as the models.
    """
    rows, item = candidates.rows, candidates.item
    parts = [
        (facts.names, facts.values[item]),
        (CUSTOMER, _customer(requests.history, facts)[rows]),
        _pair(requests.history, rows, item, len(facts.values)),
        (tuple(f"{name}_rank" for name in candidates.names), candidates.rank),
        (tuple(f"{name}_score" for name in said), np.stack([_told(score[rows, item]) for score in said.values()], 1)),
    ]
    names = tuple(name for group, _ in parts for name in group)
    return Frame(names, np.concatenate([values for _, values in parts], axis=1, dtype=np.float32), candidates.offsets)


def first_purchases(baskets: Baskets) -> Floats:
    """(N,) 1 where the customer takes the item for the first time, else 0."""
    key = baskets.user.astype(np.int64) * baskets.items + baskets.item
    first = np.zeros(len(baskets), np.float32)
    first[np.unique(key, return_index=True)[1]] = 1  # the lines are in order of time
    return first


def basket_sizes(baskets: Baskets) -> Ints:
    """(N,) lines of the basket that a line is in."""
    _, number, count = np.unique(baskets.basket, return_inverse=True, return_counts=True)
    sizes: Ints = count[number]
    return sizes


def _repeated(baskets: Baskets) -> tuple[Reals, Reals]:
    """(I,) how often an item was taken again in the very next basket, and how often it could have been."""
    span = int(baskets.back.max(initial=0)) + 1
    key = (baskets.user.astype(np.int64) * baskets.items + baskets.item) * span + baskets.back
    could = baskets.back > 1
    return _counts(baskets, could & np.isin(key - 1, key)), _counts(baskets, could)


def _counts(baskets: Baskets, weight: ArrayLike) -> Reals:
    counts: Reals = np.bincount(baskets.item, weight, minlength=baskets.items).astype(np.float64)
    return counts


def _log_share(count: Reals) -> Reals:
    """(I,) log of the share of all lines, a tenth of a line added so that none is without one."""
    share: Reals = np.log((count + 0.1) / max(count.sum(), 1.0))
    return share


def _customer(history: History, facts: ItemFacts) -> Floats:
    """(R, 6) baskets, their mean size, that of the latest, distinct items, share of repeats, popularity of the items."""
    requests, row, since = len(history), history.rows, sessions_since(history)
    lines = history.items.lengths
    some = np.maximum(lines, 1)
    visits = np.zeros(requests)
    np.maximum.at(visits, row, since + 1)
    distinct = np.unique(row * len(facts.values) + history.item) // len(facts.values)
    unlike = np.bincount(distinct, minlength=requests)
    popularity = np.bincount(row, facts.values[history.item, len(ITEM)], minlength=requests) / some
    last = np.bincount(row, since == 0, minlength=requests)
    columns = [visits, lines / np.maximum(visits, 1), last, unlike, (lines - unlike) / some, popularity]
    return np.stack(columns, axis=1).astype(np.float32)


def _pair(history: History, rows: Ints, item: Indices, items: int) -> tuple[tuple[str, ...], Floats]:
    """(N, 6 + H) how often, how long ago and how regularly the customer took the candidate; NaN: never."""
    back = sessions_since(history) + 1
    key, at = np.unique(history.rows * items + history.item, return_inverse=True)
    count = np.bincount(at, minlength=len(key))
    first, last = np.zeros(len(key)), np.full(len(key), np.inf)
    np.maximum.at(first, at, back)
    np.minimum.at(last, at, back)
    gap = np.where(count > 1, (first - last) / np.maximum(count - 1, 1), np.nan)
    decayed = [np.bincount(at, 0.5 ** (back / half_life), minlength=len(key)) for half_life in HALF_LIVES]
    table = np.stack([count, last, first, count / first, gap, last / gap, *decayed], axis=1)
    names = (*PAIR, *(f"decayed_count_{half_life:g}" for half_life in HALF_LIVES))
    found = np.full((len(item), table.shape[1]), np.nan, np.float32)
    place = np.minimum(np.searchsorted(key, rows * items + item), max(len(key) - 1, 0))
    hit = key[place] == rows * items + item if len(key) else np.zeros(len(item), bool)
    found[hit] = table[place[hit]]
    return names, found


def _told(score: Floats) -> Floats:
    told: Floats = np.where(np.isfinite(score), score, np.float32(np.nan))
    return told
