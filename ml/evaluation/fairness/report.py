"""The fairness report as one document: figures of every group of every protected fact."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.domains import Fairness
from ml.evaluation.arrays import Doubles
from ml.evaluation.fairness.calibration import Calibrator
from ml.evaluation.fairness.comparison import Comparison
from ml.evaluation.fairness.groups import Groups
from ml.evaluation.fairness.rates import Rates, rates
from ml.evaluation.fairness.treatment import Treatment
from ml.evaluation.significance import Interval

Document = dict[str, Any]


@dataclass(frozen=True)
class Sums:
    """What each of R requests adds to the rates of its group."""

    ranked: Doubles  # (R,) items in the recommender's own slate
    ranked_guarded: Doubles  # (R,) guarded ones among them
    shown: Doubles  # (R,) items in the slate that is shown
    guarded: Doubles  # (R,) guarded ones among them
    asking: Doubles  # (R,) 1 where some guarded item is open
    approved_before: Doubles  # (R,) 1 where one is in the recommender's own slate then
    eligible: Doubles  # (R,) 1 where the rules allow some guarded item that is open
    approved: Doubles  # (R,) 1 where one is shown then
    open: Doubles  # (R,) guarded items that are open
    predicted: Doubles  # (R,) the sum of their probabilities
    taken: Doubles  # (R,) how many of them were taken

    @classmethod
    def of(cls, treatment: Treatment, calibrator: Calibrator) -> "Sums":
        """Of the treatment of each request, its scores calibrated on earlier ones."""
        may, asking, eligible = treatment.open, treatment.open.any(axis=1), treatment.allowed.any(axis=1)
        columns = (
            treatment.ranked, treatment.ranked_guarded, treatment.shown, treatment.guarded,
            asking, asking & (treatment.ranked_guarded > 0), eligible, eligible & (treatment.guarded > 0),
            may.sum(axis=1), np.where(may, calibrator(treatment.score), 0).sum(axis=1),
            (treatment.taken & may).sum(axis=1),
        )  # fmt: skip
        return cls(*(np.asarray(column, np.float64) for column in columns))


def calibrated_on(treatment: Treatment) -> Calibrator:
    """Probabilities from the scores and outcomes of the guarded items that might be shown."""
    return Calibrator.fit(treatment.score[treatment.open], treatment.taken[treatment.open])


def report(
    treatment: Treatment,
    calibrator: Calibrator,
    limits: Fairness,
    protected: tuple[str, ...],
    predictable: Mapping[str, Interval | None],
    *,
    seed: int,
) -> Document:
    """Figures of every group of every protected fact.

    Args:
        treatment: The judged requests, of one or several instants.
        calibrator: Fitted on other requests.
        limits: What the domain declares.
        protected: The facts, each of which parts people into groups.
        predictable: How well the models' inputs predict each fact.
        seed: Of the resampling.

    Returns:
        `requests`, `users`, and by fact: `groups`, `most_favoured` (null where no group is judged) and
        `predictability` (null where it is not known). Exposure and approval are of the slates that are shown; those
        of the recommender's own slates end in `_before_rules`.
    """
    sums = Sums.of(treatment, calibrator)
    facts = {
        name: {**_fact(treatment, sums, Groups.of(treatment.facts, name), limits, seed), "predictability": _shown(predictable.get(name))}
        for name in protected
    }  # fmt: skip
    return {"requests": len(treatment), "users": len(np.unique(treatment.unit)), "facts": facts}


def _fact(treatment: Treatment, sums: Sums, groups: Groups, limits: Fairness, seed: int) -> Document:
    if not len(groups):
        return {"most_favoured": None, "groups": []}
    unit = treatment.unit
    comparison = Comparison(groups, unit, sums.eligible > 0, limits.minimum_group)

    def of(numerators: list[Doubles], denominator: Doubles) -> list[Rates]:
        return rates(numerators, denominator, groups.code, unit, groups=len(groups), seed=seed)

    (exposure,), (exposure_before,) = of([sums.guarded], sums.shown), of([sums.ranked_guarded], sums.ranked)
    (approval,) = of([sums.approved], sums.eligible)
    eligible, approval_before = of([sums.eligible, sums.approved_before], sums.asking)
    predicted, observed = of([sums.predicted, sums.taken], sums.open)
    figures = {
        "exposure": exposure, "eligible": eligible, "approval": approval, "predicted": predicted, "observed": observed,
        "calibration_gap": predicted - observed, "exposure_before_rules": exposure_before,
        "approval_before_rules": approval_before,
    }  # fmt: skip
    favoured = comparison.most_favoured(approval)
    if favoured is not None:
        figures["approval_ratio"] = approval.over(favoured)
    if (before := comparison.most_favoured(approval_before)) is not None:
        figures["approval_ratio_before_rules"] = approval_before.over(before)
    return comparison.described(figures, favoured)


def _shown(found: Interval | None) -> dict[str, float | None] | None:
    return None if found is None else found.as_dict()
