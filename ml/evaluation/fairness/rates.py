"""Rates of groups with their intervals: sums of the group over sums of the group, resampled by whole users."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.data.arrays import Ints
from ml.evaluation.arrays import Doubles
from ml.evaluation.significance import intervals, resampled_means

Shown = dict[str, Any]  # `mean`, `low`, `high`: null where not known


@dataclass(frozen=True)
class Rates:
    """One rate of G groups, and what it would have been among other users."""

    mean: Doubles  # (G,) NaN where the denominator is zero
    drawn: Doubles  # (draws, G)

    def __sub__(self, other: "Rates") -> "Rates":
        """How much higher they are, group by group, in the same draws."""
        return Rates(self.mean - other.mean, self.drawn - other.drawn)

    def over(self, group: int) -> "Rates":
        """Each rate over one group's, in the same draws; 1 where both are zero: nobody is favoured."""
        return Rates(_ratio(self.mean[None], group)[0], _ratio(self.drawn, group))

    def shown(self) -> list[Shown]:
        """(G) each rate with its interval, JSON-able."""
        return [interval.as_dict() for interval in intervals(self.mean, self.drawn)]


def rates(
    numerators: list[Doubles], denominator: Doubles, code: Ints, unit: Ints, *, groups: int, seed: int
) -> list[Rates]:
    """Each numerator (R,) summed over a group's requests, over the denominator (R,) summed over the same.

    Args:
        numerators: Of each request, such as the guarded items of its slate.
        denominator: Of each request, such as all items of its slate.
        code: (R,) the group of each request.
        unit: (R,) the users: the same ones are drawn for all groups and numerators.
        groups: How many there are.
        seed: Of the resampling.
    """
    own = code[:, None] == np.arange(groups)  # (R, G)
    columns = [np.where(own, column[:, None], np.nan) for column in (denominator, *numerators)]
    drawn = resampled_means(np.concatenate(columns, axis=1), unit, seed=seed)
    under, *over = [np.bincount(code, column, groups).astype(np.float64) for column in (denominator, *numerators)]
    drawn_under, *drawn_over = np.split(drawn, len(columns), axis=1)
    return [
        Rates(_quotient(mean, under), _quotient(sample, drawn_under))
        for mean, sample in zip(over, drawn_over, strict=True)
    ]


def _quotient(over: Doubles, under: Doubles) -> Doubles:
    positive = under > 0
    return np.where(positive, over / np.where(positive, under, 1.0), np.nan)


def _ratio(values: Doubles, group: int) -> Doubles:
    """(N, G) each column over one of them."""
    base = values[:, group : group + 1]
    both_zero = (base == 0) & (values == 0)
    return np.where(both_zero, 1.0, _quotient(values, np.broadcast_to(base, values.shape)))
