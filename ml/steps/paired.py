"""Variants of one thing on the same cases: the mean of each, and its difference from the first."""

from collections.abc import Sequence

import numpy as np

from ml.data.arrays import Ints
from ml.evaluation.arrays import Doubles
from ml.evaluation.significance import Interval, intervals, means, resampled_means


def less_first(values: Sequence[Doubles], unit: Ints, *, seed: int) -> list[tuple[Interval, Interval]]:
    """The mean of each variant, and how much higher it is than the first one's, over the very same resamples.

    Args:
        values: One metric of each variant, case by case, each (C,).
        unit: (C,) whom to resample.
        seed: Of the resampling.
    """
    columns = np.stack(values, axis=1)  # (C, V)
    mean, drawn = means(columns), resampled_means(columns, unit, seed=seed)
    return list(zip(intervals(mean, drawn), intervals(mean - mean[0], drawn - drawn[:, :1]), strict=True))
