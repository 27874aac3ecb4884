"""Reasons in words, from what moved a score: facts, what the user has, and recent events."""

from collections.abc import Mapping

import numpy as np

from ml.data.facts import FactTable
from ml.retrieval.classifiers.contributions import OWN, Contributions

MOST = 3
OTHERWISE = "is like others who asked for it"
_OF_ITEM = {
    f"{OWN} ended": "gave it up lately",
    f"{OWN} begun": "had it before",
    f"{OWN} popularity": "many ask for it now",
    f"{OWN} popularity_a_year_ago": "many asked for it at this time of the year",
    "month": "many ask for it at this time of the year",
    "month_sine": "many ask for it at this time of the year",
    "month_cosine": "many ask for it at this time of the year",
}


def reasons(found: Contributions, facts: FactTable, names: Mapping[str, str]) -> list[list[str]]:
    """(R,) at most three reasons each, the strongest first; what has no words, or speaks against, is no reason.

    Args:
        found: What moved the scores of R users.
        facts: (R,) of the same users.
        names: What people call each item, by identifier.
    """
    strongest = np.argsort(-found.added, axis=1, kind="stable")
    words = []
    for row, order in enumerate(strongest):
        said: dict[str, None] = {}
        for place in order[found.added[row, order] > 0]:
            text = _words(found.names[place], float(found.values[row, place]), facts, row, names)
            if text is not None:
                said[text] = None
        words.append(list(said)[:MOST] or [OTHERWISE])
    return words


def _words(name: str, value: float, facts: FactTable, row: int, names: Mapping[str, str]) -> str | None:
    """One input in words; None where it says nothing that a person could use."""
    if np.isnan(value):
        return None
    if name in _OF_ITEM:
        return _OF_ITEM[name] if value else None
    what, _, which = name.partition(" ")
    item = names.get(which, which)
    match what:
        case "fact":
            known = facts.text(which, row)
            return None if known is None else f"{which.replace('_', ' ')}: {known}"
        case "has":
            return f"has {item}" if value else f"has no {item}"
        case "begun" if value:
            return f"took {item} {_when(value)}"
        case "ended" if value:
            return f"gave up {item} {_when(value)}"
        case "liking" if value:
            return f"was interested in {item} lately"
        case "items_held":
            return f"has {value:g} items"
    return None


def _when(recency: float) -> str:
    """Of a value that is 1 / (1 + cadences)."""
    return "lately" if recency > 1 / 4 else "some time ago"
