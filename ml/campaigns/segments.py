"""The segment list: whoever belongs to the segments that asked most for an item before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ml.campaigns.interest import Outlook, early_rows
from ml.data.arrays import Floats, Ints
from ml.data.dataset import Dataset
from ml.data.facts import FactTable
from ml.data.requests import Requests

SMOOTHING = 50.0  # users and moments at which a segment's own rate and that of everybody count the same


@dataclass(frozen=True)
class SegmentRates:
    """Score: how often users of the same segment asked for the item early, shrunk to everybody's rate."""

    segments: dict[str, tuple[float, ...]]  # `Campaigns.segments`
    known: Ints  # (S,) numbers of the segments that were there, ascending
    rates: Floats  # (S + 1, items) the last row is everybody's

    @classmethod
    def fit(cls, dataset: Dataset, outlooks: Sequence[Outlook]) -> Self:
        """Count all known users at each outlook's moment."""
        items, segments = dataset.log.items, dataset.domain.campaigns.segments
        counts: dict[int, np.ndarray] = {}
        for at in outlooks:
            rows = early_rows(dataset, [at], kept=1, seed=0)
            number = _segments(rows.requests.facts, segments, len(rows.requests))
            for segment in np.unique(number):
                there = number == segment
                both = np.stack([rows.taken[there].sum(axis=0), rows.open[there].sum(axis=0)])
                counts[int(segment)] = counts.get(int(segment), np.zeros((2, items))) + both
        known = np.array(sorted(counts), np.int64)
        asked, may = np.stack([counts[int(at)] for at in known], axis=1) if counts else np.zeros((2, 0, items))
        overall = asked.sum(axis=0) / np.maximum(may.sum(axis=0), 1)
        rates = (asked + SMOOTHING * overall) / (may + SMOOTHING)
        return cls(segments, known, np.vstack([rates, overall]).astype(np.float32))

    def score(self, requests: Requests) -> Floats:
        """(R, items) rates; everybody's for a segment that was never there."""
        number = _segments(requests.facts, self.segments, len(requests))
        place = np.searchsorted(self.known, number)
        found: Floats = self.rates[np.where(np.isin(number, self.known), place, len(self.known))]
        return found


def _segments(table: FactTable, segments: dict[str, tuple[float, ...]], rows: int) -> Ints:
    """(rows,) a number for each combination of texts and bands; what is not known is a text and a band too."""
    number = np.zeros(rows, np.int64)
    for name, bounds in segments.items():
        column = table.column(name) if name in table.facts else np.full(rows, np.nan, np.float32)
        width = len(bounds) + 2 if bounds else len(table.categories.get(name, ())) + 2
        code = np.searchsorted(np.array(bounds), column, side="right") if bounds else column
        number = number * width + np.where(np.isnan(column), width - 1, code).astype(np.int64)
    return number
