"""How a selection of users, such as a list of whom to tell, treats groups: who is on it, of those who might be."""

from typing import Any

import numpy as np

from ml.data.arrays import Bools, Ints
from ml.data.facts import FactTable
from ml.domains import Fairness
from ml.evaluation.fairness.comparison import Comparison
from ml.evaluation.fairness.groups import Groups
from ml.evaluation.fairness.rates import rates

Document = dict[str, Any]


def selection(
    facts: FactTable, unit: Ints, chosen: Bools, limits: Fairness, protected: tuple[str, ...], *, seed: int
) -> Document:
    """Figures of every group of every protected fact, as `ml.evaluation.fairness.report` gives those of slates.

    Args:
        facts: Of R users who might be chosen.
        unit: (R,) who they are.
        chosen: (R,) whether each was.
        limits: What the domain declares.
        protected: The facts, each of which parts people into groups.
        seed: Of the resampling.

    Returns:
        By fact: `most_favoured` and `groups`, with `approval` (the share of the group that is chosen) and
        `approval_ratio` over the most favoured group's.
    """
    return {"facts": {name: _fact(Groups.of(facts, name), unit, chosen, limits, seed) for name in protected}}


def _fact(groups: Groups, unit: Ints, chosen: Bools, limits: Fairness, seed: int) -> Document:
    if not len(groups):
        return {"most_favoured": None, "groups": []}
    everybody = np.ones(len(unit), bool)
    comparison = Comparison(groups, unit, everybody, limits.minimum_group)
    numerator, denominator = chosen.astype(np.float64), everybody.astype(np.float64)
    (approval,) = rates([numerator], denominator, groups.code, unit, groups=len(groups), seed=seed)
    figures, favoured = {"approval": approval}, comparison.most_favoured(approval)
    if favoured is not None:
        figures["approval_ratio"] = approval.over(favoured)
    return comparison.described(figures, favoured)
