"""What a fairness report says against a challenger, and what people should look at.

A guardrail fails where the estimate itself is beyond the limit. An interval that still holds the limit is no excuse:
who would be harmed should not have to wait for certainty. Groups too small to be judged are left to people.
"""

from collections.abc import Iterator
from typing import Any

from ml.domains import Fairness

Document = dict[str, Any]


def breaches(document: Document, limits: Fairness) -> list[str]:
    """A sentence for each limit that is passed, with the fact, the group, the figure and the limit.

    Args:
        document: What `ml.evaluation.fairness.report` or `selection` wrote, with `protected_inputs`.
        limits: Those in force now, which may be others than when it was written.
    """
    found = [
        f"{model} scores guarded items by protected facts: it reads {', '.join(names)}"
        for model, names in document["protected_inputs"].items()
    ]
    for fact, described in document["facts"].items():
        for group in described["groups"]:
            if group["judged"]:
                found += _of_group(fact, described["most_favoured"], group, limits)
    return found


def _of_group(fact: str, favoured: str, group: Document, limits: Fairness) -> Iterator[str]:
    ratio, gap = group.get("approval_ratio") if group["approval_judged"] else None, group.get("calibration_gap")
    if ratio is not None and ratio["mean"] is not None and not ratio["mean"] >= limits.minimum_approval_ratio:
        yield (
            f"{fact}, group {group['group']}: approval ratio {_interval(ratio)} to the group {favoured}; at least "
            f"{limits.minimum_approval_ratio:g} is needed"
        )
    if gap is not None and gap["mean"] is not None and not abs(gap["mean"]) <= limits.maximum_calibration_gap:
        yield (
            f"{fact}, group {group['group']}: calibration gap {_interval(gap, '+')}; at most "
            f"{limits.maximum_calibration_gap:g} either way is allowed"
        )


def warnings(document: Document, limits: Fairness) -> list[str]:
    """What no gate stops, and people should know."""
    found = []
    for fact, described in document["facts"].items():
        guessed = described["predictability"]
        if guessed is not None and guessed["mean"] > limits.warn_predictability:
            found.append(
                f"the models' inputs predict {fact} with an AUC of {_interval(guessed)}, above "
                f"{limits.warn_predictability:g}"
            )
        if sum(group["approval_judged"] for group in described["groups"]) < 2:
            found.append(
                f"{fact}: fewer than two groups are known and have enough eligible users, so none is compared with another"
            )
    return found


def _interval(figure: dict[str, float | None], sign: str = "") -> str:
    ends = "" if figure["low"] is None else f" (95% interval {figure['low']:{sign}.3f} to {figure['high']:{sign}.3f})"
    return f"{figure['mean']:{sign}.3f}{ends}"
