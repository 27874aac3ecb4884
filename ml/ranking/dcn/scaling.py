"""Features of any scale as numbers in [-1, 1]: where each value lies among those of the training rows.

A network, unlike a tree, sees how far values lie apart. Quantiles bring counts, prices and scores to one scale
whatever their tails, and keep what lies beyond the training rows within it.

Shapes: N rows, F features, Q quantiles.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from ml.data.arrays import Bools, Floats

SAMPLE = 200_000  # rows, evenly spaced, that quantiles are taken from


@dataclass(frozen=True)
class Scaling:
    """A piecewise linear scale a feature, fitted on training rows."""

    knots: Floats  # (F, Q) rising values
    levels: Floats  # (F, Q) what each knot becomes; equal knots have one level
    gaps: Bools  # (F,) whether the feature was ever unknown

    @classmethod
    def of(cls, values: Floats, quantiles: int) -> Self:
        """The scaling of these (N, F) values; NaN is not known, a feature that is never known becomes 0."""
        part = values[:: max(1, len(values) // SAMPLE)]
        shares = np.linspace(0, 1, quantiles)
        knots = np.zeros((values.shape[1], quantiles), np.float32)
        levels = np.zeros_like(knots)
        for feature, column in enumerate(part.T):
            known = column[np.isfinite(column)]
            if len(known):
                knots[feature] = np.quantile(known, shares)
                levels[feature] = _levels(knots[feature], shares)
        return cls(knots, levels, np.array([not np.isfinite(column).all() for column in values.T]))

    def __call__(self, values: Floats) -> Floats:
        """(N, F) the values, scaled; NaN where they are not known."""
        scaled = np.empty(values.shape, np.float32)
        for feature, (knots, levels) in enumerate(zip(self.knots, self.levels, strict=True)):
            scaled[:, feature] = np.interp(values[:, feature], knots, levels)
        scaled[~np.isfinite(values)] = np.nan
        return scaled


def _levels(knots: Floats, shares: np.ndarray) -> Floats:
    """(Q,) the shares as numbers in [-1, 1], those of equal knots averaged."""
    _, group = np.unique(knots, return_inverse=True)
    mean = np.bincount(group, weights=2 * shares - 1) / np.bincount(group)
    return mean[group].astype(np.float32)
