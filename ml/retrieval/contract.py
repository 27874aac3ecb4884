"""What every retriever is: fitted once, refreshed to an instant, then scoring the whole catalogue for a request."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np

from ml.data.arrays import Floats, Indices, Ragged
from ml.data.dataset import Dataset
from ml.data.requests import Requests
from ml.domains.domain import Frozen
from ml.features.store import FeatureStore, Snapshot


@dataclass(frozen=True)
class TrainingData:
    """All that a retriever may learn from; `dataset.log` ends before the retrievers' cut-off t1."""

    dataset: Dataset
    features: FeatureStore
    snapshot: Snapshot  # as of t1
    validation: Dataset  # the log up to t3, for stopping: cases in [t2, t3) only
    seed: int
    threads: int


@dataclass(frozen=True)
class State:
    """What is known at the moment of a request beyond its own history."""

    dataset: Dataset  # `log` ends before the snapshot's instant
    snapshot: Snapshot


class Retriever(Protocol):
    """One way to find candidates.

    `score` is the whole contract: higher is better, `-inf` says "not a candidate". Ties are broken by the
    item's number, so that the same inputs always give the same candidates.
    """

    name: ClassVar[str]
    Parameters: ClassVar[type[Frozen]]

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


@dataclass(frozen=True)
class Ranking:
    """The best K items of each request, best first; -1 and -inf where there are fewer."""

    item: Indices  # (R, K)
    score: Floats  # (R, K)


def top_k(scores: Floats, k: int, *, exclude: Ragged | None = None, only: Ragged | None = None) -> Ranking:
    """The K best items of each row of `scores` (R, items), best first, ties by item number.

    Args:
        scores: Higher is better; `-inf` is never returned.
        k: How many.
        exclude: Items that may not be returned, a row a request.
        only: The only items that may be returned, a row a request.
    """
    scores = np.array(scores, np.float32)  # a copy: it is masked below
    if only is not None:
        kept = scores[only.rows, only.values]
        scores[:] = -np.inf
        scores[only.rows, only.values] = kept
    if exclude is not None:
        scores[exclude.rows, exclude.values] = -np.inf
    rows, items = scores.shape
    k = min(k, items)
    # The K-th score alone does not decide who is in where it is tied: take every tied item, then order them.
    threshold = np.partition(scores, items - k, axis=1)[:, items - k]
    row, item = np.nonzero((scores >= threshold[:, None]) & np.isfinite(scores))
    order = np.lexsort((item, -scores[row, item], row))
    row, item = row[order], item[order]
    rank = np.arange(len(row)) - np.searchsorted(row, np.arange(rows))[row]
    keep = rank < k
    found, values = np.full((rows, k), -1, np.int32), np.full((rows, k), -np.inf, np.float32)
    found[row[keep], rank[keep]] = item[keep]
    values[row[keep], rank[keep]] = scores[row[keep], item[keep]]
    return Ranking(found, values)
