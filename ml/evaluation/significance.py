"""How sure a mean is: bootstrap intervals that resample whole units, not rows.

The cases of one user are alike, so treating them as independent would make intervals too narrow. The cluster
bootstrap draws units with replacement and keeps all the cases of each (Cameron, Gelbach and Miller, "Bootstrap-based
improvements for inference with clustered errors", REStat 2008; for rankings: Sakai, "Evaluating evaluation metrics
based on the bootstrap", SIGIR 2006). Intervals are percentiles of the resampled means.
"""

from dataclasses import asdict, dataclass

import numpy as np

from ml.data.arrays import Ints
from ml.evaluation.arrays import Doubles

DRAWS = 2000
LEVEL = 0.95
_BLOCK = 4_000_000  # resampled units held at once: 32 MB


@dataclass(frozen=True)
class Interval:
    """A mean with its interval; NaN ends where there are too few units to know."""

    mean: float
    low: float
    high: float

    def as_dict(self, mean: str = "mean") -> dict[str, float | None]:
        """JSON-able; null for what is not known."""
        values = {mean if name == "mean" else name: value for name, value in asdict(self).items()}
        return {name: None if np.isnan(value) else float(value) for name, value in values.items()}


def resampled_means(values: Doubles, unit: Ints, *, seed: int, draws: int = DRAWS) -> Doubles:
    """(draws, M) the mean of each column of `values` (C, M) over each resample of the units.

    NaN marks a case for which a metric is not defined: it takes no part. The draws depend on the number of units
    and the seed alone, so differences between columns, or between calls on the same cases, are paired. All are NaN
    where there is one unit only: how units differ is then not known.
    """
    _, row = np.unique(unit, return_inverse=True)
    units = int(row.max(initial=-1)) + 1
    if not units:
        raise ValueError("there are no cases to resample")
    if units == 1:
        return np.full((draws, values.shape[1]), np.nan)
    known = np.isfinite(values)
    sums = _by_unit(np.where(known, values, 0.0), row, units)  # (U, M)
    counts = _by_unit(known.astype(np.float64), row, units)  # (U, M)
    rng = np.random.default_rng(seed)
    resampled = np.empty((draws, values.shape[1]))
    step = max(1, _BLOCK // units)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        weight = _multinomial(rng, units, size)  # (size, U)
        with np.errstate(invalid="ignore", divide="ignore"):  # no case drawn for which the metric is defined
            resampled[start : start + size] = (weight @ sums) / (weight @ counts)
    return resampled


def mean_interval(values: Doubles, unit: Ints, *, seed: int, draws: int = DRAWS, level: float = LEVEL) -> Interval:
    """The mean of one metric (C,) with its interval."""
    column = np.asarray(values, np.float64)[:, None]
    resampled = resampled_means(column, unit, seed=seed, draws=draws)
    return intervals(means(column), resampled, level)[0]


def paired_difference(
    first: Doubles, second: Doubles, unit: Ints, *, seed: int, draws: int = DRAWS, level: float = LEVEL
) -> Interval:
    """How much higher the first model's mean is than the second's, on the same cases (C,)."""
    return mean_interval(np.asarray(first, np.float64) - second, unit, seed=seed, draws=draws, level=level)


def relative_difference(
    first: Doubles, second: Doubles, unit: Ints, *, seed: int, draws: int = DRAWS, level: float = LEVEL
) -> Interval:
    """The same difference as a share of the second model's mean; NaN where that mean is zero."""
    both = np.stack([first, second], axis=1).astype(np.float64)
    resampled = resampled_means(both, unit, seed=seed, draws=draws)
    return intervals(_ratio(means(both)[None])[0], _ratio(resampled), level)[0]


def means(values: Doubles) -> Doubles:
    """(M,) the mean of each column of (C, M) over the cases for which it is defined; NaN where there is none."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def intervals(mean: Doubles, resampled: Doubles, level: float = LEVEL) -> list[Interval]:
    """The percentile interval of each column of resampled values (draws, M), around the means (M,)."""
    ends = np.full((2, len(mean)), np.nan)
    known = np.flatnonzero(np.isfinite(mean) & np.isfinite(resampled).any(axis=0))
    shares = [(1 - level) / 2, (1 + level) / 2]
    for column in known[~np.isfinite(resampled[:, known]).all(axis=0)]:
        ends[:, column] = np.quantile(resampled[np.isfinite(resampled[:, column]), column], shares)
    whole = known[np.isfinite(resampled[:, known]).all(axis=0)]
    ends[:, whole] = np.quantile(resampled[:, whole], shares, axis=0)
    return [Interval(float(at), float(low), float(high)) for at, low, high in zip(mean, *ends, strict=True)]


def _ratio(values: Doubles) -> Doubles:
    """(N, 1) first column over second, less one; NaN where the second is zero."""
    first, second = values[:, :1], values[:, 1:]
    return np.where(second != 0, first / np.where(second != 0, second, 1.0) - 1, np.nan)


def _by_unit(values: Doubles, row: Ints, units: int) -> Doubles:
    """(U, M) sums of (C, M) over the cases of each unit."""
    order = np.argsort(row, kind="stable")
    starts = np.searchsorted(row[order], np.arange(units))
    sums: Doubles = np.add.reduceat(values[order], starts, axis=0)
    return sums


def _multinomial(rng: np.random.Generator, units: int, size: int) -> Doubles:
    """(size, U) how often each unit is drawn when U units are drawn with replacement."""
    drawn = rng.integers(0, units, (size, units)) + np.arange(size)[:, None] * units
    return np.bincount(drawn.ravel(), minlength=size * units).reshape(size, units).astype(np.float64)
