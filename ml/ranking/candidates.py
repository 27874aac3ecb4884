"""Merging what the retrievers found into one set of candidates a request, the same in training and in serving."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints
from ml.retrieval.contract import Ranking


@dataclass(frozen=True)
class Candidates:
    """N candidates of R requests, a request's candidates side by side.

    With T retrievers, `score` and `rank` say what each retriever thought of each candidate; NaN: it did not
    find it. Ranks count from 0.
    """

    names: tuple[str, ...]  # (T,)
    offsets: Ints  # (R + 1,)
    item: Indices  # (N,)
    score: Floats  # (N, T)
    rank: Floats  # (N, T)

    @property
    def rows(self) -> Ints:
        """(N,) the request of each candidate."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @property
    def sources(self) -> Ints:
        """(N,) which retrievers found it: bit t for `names[t]`."""
        bits: Ints = (np.isfinite(self.rank) << np.arange(len(self.names))).sum(axis=1)
        return bits

    def where(self, keep: Bools) -> "Candidates":
        """The candidates that a mask (N,) keeps."""
        counts = np.bincount(self.rows[keep], minlength=len(self.offsets) - 1)
        offsets = np.r_[0, np.cumsum(counts)].astype(np.int64)
        return replace(self, offsets=offsets, item=self.item[keep], score=self.score[keep], rank=self.rank[keep])


def merge(rankings: Mapping[str, Ranking], quotas: Mapping[str, int], maximum: int) -> Candidates:
    """Merge the first `quotas[name]` of each retriever's ranking; keep at most `maximum` a request.

    Where there are more, those with the best rank at any retriever stay: each retriever's best finds survive,
    whatever the scale of its scores.
    """
    names = tuple(rankings)
    parts = [_flat(rankings[name], quotas[name], source) for source, name in enumerate(names)]
    row, item, rank, score, source = (np.concatenate(column) for column in zip(*parts, strict=True))
    requests = len(next(iter(rankings.values())).item)
    width = int(item.max(initial=0)) + 1
    key, at = np.unique(row * width + item, return_inverse=True)
    scores = np.full((len(key), len(names)), np.nan, np.float32)
    ranks = np.full((len(key), len(names)), np.nan, np.float32)
    scores[at, source], ranks[at, source] = score, rank
    offsets = np.searchsorted(key, np.arange(requests + 1) * width).astype(np.int64)
    merged = Candidates(names, offsets, (key % width).astype(np.int32), scores, ranks)
    return merged.where(_within(merged, maximum))


def _flat(ranking: Ranking, quota: int, source: int) -> tuple[Ints, Ints, Floats, Floats, Ints]:
    item, score = ranking.item[:, :quota], ranking.score[:, :quota]
    row, rank = np.nonzero(item >= 0)
    found = item[row, rank].astype(np.int64)
    return row, found, rank.astype(np.float32), score[row, rank], np.full(len(row), source)


def _within(candidates: Candidates, maximum: int) -> Bools:
    """Which candidates are among the `maximum` best-ranked of their request."""
    rows = candidates.rows
    best = np.nanmin(candidates.rank, axis=1) if len(rows) else np.zeros(0)
    order = np.lexsort((candidates.item, best, rows))
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows)) - candidates.offsets[rows[order]]
    keep: Bools = place < maximum
    return keep
