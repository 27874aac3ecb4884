"""Merging what the retrievers found into one set of candidates a request, the same in training and in serving."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

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
    from ml.ranking.merge_kernel import merge as write

    names = tuple(rankings)
    items = [rankings[name].item[:, : quotas[name]] for name in names]
    found = np.ascontiguousarray(np.concatenate(items, axis=1), np.int32)
    said = np.concatenate([rankings[name].score[:, : quotas[name]] for name in names], axis=1, dtype=np.float32)
    source, place = _columns(tuple(each.shape[1] for each in items))
    most = len(found) * min(maximum, found.shape[1])
    counts, item = np.zeros(len(found), np.int64), np.empty(most, np.int32)
    score, rank = (np.full((most, len(names)), np.nan, np.float32) for _ in range(2))
    width = int(found.max(initial=-1)) + 1
    write(found, said, source, place, width, maximum, counts, item, score, rank)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    return Candidates(names, offsets, item[: offsets[-1]], score[: offsets[-1]], rank[: offsets[-1]])


@lru_cache(maxsize=64)
def _columns(widths: tuple[int, ...]) -> tuple[Ints, Floats]:
    """The retriever of each column of rankings side by side, and its rank there from 0."""
    place = np.concatenate([np.arange(width, dtype=np.float32) for width in widths])
    return np.repeat(np.arange(len(widths)), widths), place
