"""The promotion gate: whether a challenger becomes champion, as a pure function of what both did on the same cases.

A first champion must beat the best simple baseline; a new configuration must beat the champion; the same
configuration on fresher data must not be worse by more than a declared margin. Always: the period lies after all
that either learnt from, and no guardrail falls.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np

from ml.data.arrays import Ints
from ml.domains import Gate, Guardrails
from ml.errors import BadInput
from ml.evaluation.arrays import Doubles
from ml.evaluation.significance import Interval, paired_difference, relative_difference

Path = Literal["first", "new configuration", "fresh data"]


@dataclass(frozen=True)
class Contender:
    """One side of the comparison, measured on the same C cases as the other."""

    name: str  # what people read: `version 3`, `the baseline tifu_knn`
    configuration: str  # digest of the parameters without the data
    trained_until: datetime  # nothing at or after this instant was learnt from
    metric: Doubles  # (C,) the gate's metric; NaN where it is not defined
    coverage: float  # share of the catalogue that was recommended
    diversity: float  # mean over the slates, 0 to 1
    popularity: float  # mean popularity of what was recommended
    unfair: tuple[str, ...] = ()  # a sentence for each limit of the domain's fairness that it breaks


@dataclass(frozen=True)
class Decision:
    """What the gate says, and why."""

    promote: bool
    path: str
    reasons: tuple[str, ...]
    figures: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {**asdict(self), "reasons": list(self.reasons)}


def decide(
    gate: Gate,
    challenger: Contender,
    rival: Contender,
    unit: Ints,
    *,
    begins: datetime,
    first: bool,
    seed: int = 0,
) -> Decision:
    """Judge a challenger against its rival: the champion, or the best baseline where there is no champion.

    Args:
        gate: The domain's thresholds.
        challenger: Who wants to serve.
        rival: Whom it must beat, or (fresh data) not fall behind.
        unit: (C,) whom to resample: the cases of one user stay together.
        begins: When the period of the cases begins.
        first: There is no champion yet and the rival is a baseline.
        seed: Of the bootstrap.

    Raises:
        BadInput: where the two were not measured on the same number of cases.
    """
    if not len(challenger.metric) == len(rival.metric) == len(unit):
        sizes = f"{len(challenger.metric)}, {len(rival.metric)} and {len(unit)}"
        raise BadInput(f"both sides of a comparison need the same cases; there are {sizes} of challenger, rival, unit")
    path = path_of(challenger, rival, first=first)
    overlaps = tuple(_overlaps((challenger, rival), begins))
    if overlaps:
        return Decision(False, "refused: overlap", overlaps, {"comparison": path})
    if not len(unit):
        return Decision(False, "refused: no cases", ("there is no case in the period to judge by",), {})
    difference = paired_difference(challenger.metric, rival.metric, unit, seed=seed)
    relative = relative_difference(challenger.metric, rival.metric, unit, seed=seed)
    better, reason = _compared(gate, path, difference, relative, rival.name)
    fallen = (*_fallen(gate.guardrails, challenger, rival, first=first), *challenger.unfair)
    figures = {
        "metric": gate.metric,
        "cases": len(unit),
        "difference": difference.as_dict(),
        "relative_difference": relative.as_dict(),
        "challenger": _measured(challenger),
        "rival": _measured(rival),
        "comparison": path,
    }
    refused = "refused: guardrail" if better else f"refused: {path}"
    promote = better and not fallen
    return Decision(promote, path if promote else refused, (reason, *fallen), figures)


def path_of(challenger: Contender, rival: Contender, *, first: bool) -> Path:
    """Which rule applies."""
    if first:
        return "first"
    return "fresh data" if challenger.configuration == rival.configuration else "new configuration"


def _overlaps(contenders: tuple[Contender, ...], begins: datetime) -> Iterator[str]:
    for contender in contenders:
        if begins < contender.trained_until:
            yield (
                f"the period begins on {begins:%Y-%m-%d %H:%M} UTC, but {contender.name} learnt from data up to "
                f"{contender.trained_until:%Y-%m-%d %H:%M} UTC: it would be judged on what it has seen"
            )


def _compared(gate: Gate, path: Path, difference: Interval, relative: Interval, rival: str) -> tuple[bool, str]:
    """Whether the metric passes, and the sentence that says so. An interval that is not known never passes."""
    if path == "fresh data":
        passes, need = relative.low > gate.freshness_margin, f"above {gate.freshness_margin:+.1%}"
        found = f"{relative.mean:+.1%} relative, 95% interval {relative.low:+.1%} to {relative.high:+.1%}"
    else:
        passes, need = difference.low > 0, "above zero"
        found = f"{difference.mean:+.4f}, 95% interval {difference.low:+.4f} to {difference.high:+.4f}"
    verdict = "is" if passes else "is not"
    return bool(passes), f"{gate.metric} against {rival}: {found}; its lower bound {verdict} {need}"


def _fallen(rails: Guardrails, challenger: Contender, rival: Contender, *, first: bool) -> Iterator[str]:
    """A sentence for each guardrail that the challenger breaks; a measure that is not known breaks its own."""
    coverage = rails.first_coverage_ratio if first else rails.minimum_coverage_ratio
    floors = {"coverage": coverage, "diversity": rails.minimum_diversity_ratio}
    for name, ratio in floors.items():
        mine, theirs = getattr(challenger, name), getattr(rival, name)
        if not mine >= ratio * theirs:
            yield f"{name} fell to {mine:.4f}; at least {ratio:.0%} of the {theirs:.4f} of {rival.name} is needed"
    mine, theirs = challenger.popularity, rival.popularity
    ratio = rails.first_popularity_ratio if first else rails.maximum_popularity_ratio
    if not mine <= ratio * theirs:
        yield (
            f"popularity bias rose to {mine:.4f}; at most {ratio:.0%} of the {theirs:.4f} of {rival.name} is allowed"
        )


def _measured(contender: Contender) -> dict[str, Any]:
    metric = float(np.nanmean(contender.metric))
    names = ("name", "coverage", "diversity", "popularity")
    until = contender.trained_until.isoformat()
    return {**{name: getattr(contender, name) for name in names}, "metric": metric, "trained_until": until}
