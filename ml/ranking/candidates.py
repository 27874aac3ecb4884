"""Merging what the retrievers found into one set of candidates a request, the same in training and in serving."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import accumulate

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


def columns_of(widths: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """By retriever, the first of its columns and the first behind them, where as many as these stand in a row."""
    ends = list(accumulate(widths.values()))
    return dict(zip(widths, zip([0, *ends], ends, strict=False), strict=True))


@dataclass(frozen=True)
class SideBySide:
    """What T retrievers found for R requests, the columns of each behind those of the one before."""

    widths: Mapping[str, int]  # columns by retriever
    item: Indices  # (R, Q) -1: none
    score: Floats  # (R, Q)

    @classmethod
    def empty(cls, rows: int, widths: Mapping[str, int]) -> "SideBySide":
        """Room for what will be found."""
        shape = (rows, sum(widths.values()))
        return cls(widths, np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32))

    @cached_property
    def columns(self) -> dict[str, tuple[int, int]]:
        """By retriever, the first of its columns and the first behind them."""
        return columns_of(self.widths)

    def merged(self, maximum: int) -> Candidates:
        """The distinct items of each request; of more than so many, those with the best rank at any retriever stay."""
        from ml.ranking.merge_kernel import merge as write

        source, place = _columns(tuple(self.widths.values()))
        most = len(self.item) * min(maximum, self.item.shape[1])
        offsets, item = np.zeros(len(self.item) + 1, np.int64), np.empty(most, np.int32)
        score, rank = np.empty((most, len(self.widths)), np.float32), np.empty((most, len(self.widths)), np.float32)
        write(self.item, self.score, source, place, maximum, offsets, item, score, rank)
        end = offsets[-1]
        return Candidates(tuple(self.widths), offsets, item[:end], score[:end], rank[:end])


def merge(rankings: Mapping[str, Ranking], quotas: Mapping[str, int], maximum: int) -> Candidates:
    """Merge the first `quotas[name]` of each retriever's ranking; keep at most `maximum` a request.

    Where there are more, those with the best rank at any retriever stay: each retriever's best finds survive,
    whatever the scale of its scores.
    """
    items = {name: ranking.item[:, : quotas[name]] for name, ranking in rankings.items()}
    found = np.ascontiguousarray(np.concatenate([*items.values()], axis=1), np.int32)
    said = [ranking.score[:, : quotas[name]] for name, ranking in rankings.items()]
    widths = {name: each.shape[1] for name, each in items.items()}
    return SideBySide(widths, found, np.concatenate(said, axis=1, dtype=np.float32)).merged(maximum)


@lru_cache(maxsize=64)
def _columns(widths: tuple[int, ...]) -> tuple[Ints, Floats]:
    """The retriever of each column of rankings side by side, and its rank there from 0."""
    place = np.concatenate([np.arange(width, dtype=np.float32) for width in widths])
    return np.repeat(np.arange(len(widths)), widths), place
