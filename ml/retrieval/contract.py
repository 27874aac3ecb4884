"""What every retriever is: fitted once, refreshed to an instant, then scoring the whole catalogue for a request."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from ml.data.arrays import Floats, Indices, Ints, Ragged, Reals, distinct, is_among
from ml.data.dataset import Dataset
from ml.data.requests import Requests
from ml.domains.frozen import Frozen


@dataclass(frozen=True)
class TrainingData:
    """All that a retriever may learn from; `dataset.log` ends before the retrievers' cut-off t1."""

    dataset: Dataset
    as_of: int  # t1, microseconds since 1970 UTC
    validation: Dataset  # the log up to t3, for stopping: cases in [t2, t3) only
    seed: int
    threads: int


@dataclass(frozen=True)
class State:
    """What is known at the moment of a request beyond its own history."""

    dataset: Dataset  # `log` ends before the instant
    as_of: int  # microseconds since 1970 UTC


class Retriever(Protocol):
    """One way to find candidates.

    `score` is the whole contract: higher is better, `-inf` says "not a candidate". Ties are broken by the
    item's number, so that the same inputs always give the same candidates.
    """

    name: ClassVar[str]
    Parameters: ClassVar[type[Frozen]]

    @property
    def inputs(self) -> tuple[str, ...]:
        """What its scores depend on: fields of `Requests`, and each fact of users by its name."""

    @classmethod
    def fit(cls, data: TrainingData, parameters: Frozen) -> Self:
        """Learn from the log before t1."""

    def refresh(self, state: State) -> Self:
        """The same model with its cheap counters brought up to a later instant."""

    def score(self, requests: Requests) -> Floats:
        """(R, items) scores over the whole catalogue."""

    def save(self, folder: Path) -> None:
        """Write weights as .npy/.npz/.safetensors and parameters as JSON; no pickle."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""


@runtime_checkable
class ReadsByItem(Protocol):
    """A retriever that does not read the same for all items."""

    def inputs_of(self, item: int) -> tuple[str, ...]:
        """What the scores of one item depend on."""


@runtime_checkable
class FindsFew(Protocol):
    """A retriever that scores few items of a request, and finds the best of them without looking at all others."""

    def best(self, requests: Requests, k: int, exclude: Ragged) -> "Ranking":
        """What `top_k` finds in its scores."""


def inputs_of(model: Retriever, item: int) -> tuple[str, ...]:
    """What a retriever reads to score an item: its `inputs`, unless it says so by item."""
    return model.inputs_of(item) if isinstance(model, ReadsByItem) else model.inputs


@dataclass(frozen=True)
class Ranking:
    """The best K items of each request, best first; -1 and -inf where there are fewer."""

    item: Indices  # (R, K)
    score: Floats  # (R, K)


def top_k(scores: Reals, k: int, *, exclude: Ragged | None = None, only: Ragged | None = None) -> Ranking:
    """The K best items of each row of `scores` (R, items), best first, ties by item number.

    Args:
        scores: Higher is better; `-inf` is never returned.
        k: How many.
        exclude: Items that may not be returned, a row a request.
        only: The only items that may be returned, a row a request.

    Raises:
        ValueError: where a score is not a number.
    """
    rows, items = scores.shape
    k = min(k, items)
    found, values = np.full((rows, k), -1, np.int32), np.full((rows, k), -np.inf, np.float32)
    if not rows or not k:
        return Ranking(found, values)
    if only is not None:
        return _best_of(scores, k, only, exclude)
    from ml.retrieval.kernels import select

    without = exclude if exclude is not None else Ragged.empty(rows)
    if not select(np.ascontiguousarray(scores), without.offsets, without.values, found, values):
        raise _not_a_number()
    return Ranking(found, values)


def best_of(model: Retriever, requests: Requests, k: int, exclude: Ragged) -> Ranking:
    """The K best items of each request, of all but those to exclude, best first, ties by item number."""
    best = getattr(model, "best", None)  # as `isinstance(model, FindsFew)` says in ten times the time
    found: Ranking = top_k(model.score(requests), k, exclude=exclude) if best is None else best(requests, k, exclude)
    return found


def _best_of(scores: Reals, k: int, only: Ragged, exclude: Ragged | None) -> Ranking:
    """The K best of a few items a row."""
    rows, items = scores.shape
    key = distinct(only.rows * items + only.values)
    if exclude is not None:
        key = key[~is_among(key, exclude.rows * items + exclude.values)]
    if np.isnan(scores.ravel()[key]).any():
        raise _not_a_number()
    key = key[scores.ravel()[key] > -np.inf]
    row, item = np.divmod(key, items)
    return _ordered(row, item, scores[row, item], rows, k)


def _ordered(row: Ints, item: Ints, score: Reals, rows: int, k: int) -> Ranking:
    """The K best of the contenders (N,), which come in order of row and item."""
    order = np.lexsort((-score, row))
    row, item, score = row[order], item[order], score[order]
    rank = np.arange(len(row)) - np.searchsorted(row, np.arange(rows))[row]
    kept = rank < k
    found, values = np.full((rows, k), -1, np.int32), np.full((rows, k), -np.inf, np.float32)
    found[row[kept], rank[kept]] = item[kept]
    values[row[kept], rank[kept]] = score[kept]
    return Ranking(found, values)


def _not_a_number() -> ValueError:
    return ValueError("a score is NaN, which has no place in a ranking: say `-inf` for what is no candidate")
