"""The fairness report as one document: figures of every group of every protected fact."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.data.arrays import Bools
from ml.domains import Fairness
from ml.evaluation.arrays import Doubles
from ml.evaluation.fairness.calibration import Calibrator
from ml.evaluation.fairness.groups import UNKNOWN_GROUP, Groups
from ml.evaluation.fairness.rates import Rates, rates
from ml.evaluation.fairness.treatment import Treatment
from ml.evaluation.significance import Interval

Document = dict[str, Any]


@dataclass(frozen=True)
class Sums:
    """What each of R requests adds to the rates of its group."""

    shown: Doubles  # (R,) items in the slate
    guarded: Doubles  # (R,) guarded ones among them
    asking: Doubles  # (R,) 1 where some guarded item may be shown
    approved: Doubles  # (R,) 1 where one is
    open: Doubles  # (R,) guarded items that may be shown
    predicted: Doubles  # (R,) the sum of their probabilities
    taken: Doubles  # (R,) how many of them were taken

    @classmethod
    def of(cls, treatment: Treatment, calibrator: Calibrator) -> "Sums":
        """Of the treatment of each request, its scores calibrated on earlier ones."""
        may = treatment.open
        columns = (
            treatment.shown, treatment.guarded, may.any(axis=1), may.any(axis=1) & (treatment.guarded > 0),
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
        `predictability` (null where it is not known).
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
    unit, judged = treatment.unit, groups.judged(treatment.unit, limits.minimum_group)

    def of(numerators: list[Doubles], denominator: Doubles) -> list[Rates]:
        return rates(numerators, denominator, groups.code, unit, groups=len(groups), seed=seed)

    (exposure,) = of([sums.guarded], sums.shown)
    (approval,) = of([sums.approved], sums.asking)
    predicted, observed = of([sums.predicted, sums.taken], sums.open)
    favoured = _most_favoured(approval, judged)
    figures = {"exposure": exposure, "approval": approval, "predicted": predicted, "observed": observed}
    figures["calibration_gap"] = predicted - observed
    if favoured is not None:
        figures["approval_ratio"] = approval.over(favoured)
    columns = {name: found.shown() for name, found in figures.items()}
    users, requests = groups.users(unit), np.bincount(groups.code, minlength=len(groups))
    rows = [
        {"group": name, "users": int(users[at]), "requests": int(requests[at]), "judged": bool(judged[at]),
         "reason": _why_not(groups, at, bool(judged[at]), limits), **{key: column[at] for key, column in columns.items()}}
        for at, name in enumerate(groups.names)
    ]  # fmt: skip
    return {"most_favoured": None if favoured is None else groups.names[favoured], "groups": rows}


def _most_favoured(approval: Rates, judged: Bools) -> int | None:
    """The judged group with the highest approval; None where there is none to compare with."""
    known = np.where(judged & np.isfinite(approval.mean), approval.mean, -np.inf)
    return int(np.argmax(known)) if np.isfinite(known).any() else None


def _why_not(groups: Groups, at: int, judged: bool, limits: Fairness) -> str | None:
    if judged:
        return None
    return UNKNOWN_GROUP if at == groups.unknown else f"fewer than {limits.minimum_group} users"


def _shown(found: Interval | None) -> dict[str, float | None] | None:
    return None if found is None else found.as_dict()
