"""The fairness report for people: a page in Markdown and a picture."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

Document = dict[str, Any]

COLUMNS = {
    "exposure": "exposure", "eligible": "eligible", "approval": "approval", "approval_ratio": "approval ratio",
    "exposure_before_rules": "exposure before rules", "approval_before_rules": "approval before rules",
    "approval_ratio_before_rules": "approval ratio before rules",
    "predicted": "predicted", "observed": "observed", "calibration_gap": "calibration gap",
}  # fmt: skip
_NOT_KNOWN = "–"
_JUDGED, _NOT_JUDGED = "#1f77b4", "#bbbbbb"


def markdown(document: Document, picture: str) -> str:
    """The page.

    Args:
        document: What `ml.steps.judging_fairness` wrote.
        picture: Where the plot stands, seen from the page.
    """
    limits = document["limits"]
    lines = [
        f"# Fairness: {document['domain']}", "",
        f"{document['requests']:,} requests of {document['users']:,} users; guarded: {', '.join(document['guarded'])}. "
        f"Limits: approval ratio at least {limits['minimum_approval_ratio']:g}, calibration gap at most "
        f"{limits['maximum_calibration_gap']:g}, for groups of {limits['minimum_group']:,} users or more.", "",
        *_listed("Beyond a limit", document["breaches"]), *_listed("To look at", document["warnings"]),
        f"![Approval and calibration by group]({picture})", "",
    ]  # fmt: skip
    for fact, described in document["facts"].items():
        lines += [f"## {fact}", "", *_guessed(described["predictability"]), *_table(described["groups"]), ""]
    lines += ["## What the models read", ""]
    lines += [f"- {model}: {', '.join(names)}" for model, names in document["inputs"].items()]
    return "\n".join(lines) + "\n"


def _listed(title: str, sentences: list[str]) -> list[str]:
    return [f"{title}:", "", *(f"- {sentence}" for sentence in sentences), ""] if sentences else []


def _guessed(found: dict[str, float | None] | None) -> list[str]:
    return [] if found is None else [f"The models' inputs predict it with an AUC of {_cell(found)}.", ""]


def _table(groups: list[Document]) -> Iterator[str]:
    yield f"| group | users | eligible users | judged | {' | '.join(COLUMNS.values())} |"
    yield f"| --- | ---: | ---: | --- | {' | '.join(['---:'] * len(COLUMNS))} |"
    for group in groups:
        cells = " | ".join(_cell(group.get(name)) for name in COLUMNS)
        judged = "yes" if group["judged"] else f"no: {group['reason']}"
        yield f"| {group['group']} | {group['users']:,} | {group['eligible_users']:,} | {judged} | {cells} |"


def _cell(figure: dict[str, float | None] | None) -> str:
    if figure is None or figure["mean"] is None:
        return _NOT_KNOWN
    ends = "" if figure["low"] is None else f" [{figure['low']:.4f}, {figure['high']:.4f}]"
    return f"{figure['mean']:.4f}{ends}"


def plot(document: Document, path: Path) -> None:
    """Draw approval ratio and calibration gap of every group with their limits, a row a fact, into a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    facts, limits = document["facts"], document["limits"]
    heights = [0.8 + 0.25 * max(len(described["groups"]), 1) for described in facts.values()]
    figure = Figure(figsize=(10, sum(heights) + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(facts), 2, squeeze=False, height_ratios=heights)
    gap = limits["maximum_calibration_gap"]
    for (fact, described), (left, right) in zip(facts.items(), axes, strict=True):
        _panel(left, described["groups"], "approval_ratio", (limits["minimum_approval_ratio"],))
        _panel(right, described["groups"], "calibration_gap", (-gap, gap))
        left.set_title(f"{fact}: approval ratio")
        right.set_title(f"{fact}: calibration gap")
    figure.savefig(path, format="png", dpi=110)


def _panel(axes: Any, groups: list[Document], name: str, limits: tuple[float, ...]) -> None:
    for place, group in enumerate(groups):
        found = group.get(name)
        if found is None or found["mean"] is None:
            continue
        colour = _JUDGED if group["judged"] else _NOT_JUDGED
        axes.plot(found["mean"], place, "o", color=colour, markersize=5)
        if found["low"] is not None:
            axes.plot([found["low"], found["high"]], [place, place], color=colour, linewidth=1.6)
    for limit in limits:
        axes.axvline(limit, color="#d62728", linewidth=1, linestyle="--")
    axes.set_yticks(range(len(groups)), [group["group"] for group in groups])
    axes.grid(axis="x", alpha=0.3)
