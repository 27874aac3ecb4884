"""Reasons in words, from what moved a score: facts, what the user has, and recent events."""

from collections.abc import Mapping

import numpy as np

from ml.data.facts import FactTable
from ml.retrieval.classifiers.contributions import OWN, Contributions

MOST = 3
OTHERWISE = "is like others who asked for it"


def reasons(found: Contributions, facts: FactTable, names: Mapping[str, str], item_id: str) -> list[list[str]]:
    """(R,) at most three reasons each, the strongest first.

    What speaks against is no reason, nor is what is the same for everybody, such as the season.

    Args:
        found: What moved the scores of R users.
        facts: (R,) of the same users.
        names: What people call each item, by identifier.
        item_id: The item that the scores are of; it is "it".
    """
    called = {**names, item_id: "it"}
    strongest = np.argsort(-found.added, axis=1, kind="stable")
    words = []
    for row, order in enumerate(strongest):
        said: dict[str, None] = {}
        for place in order[found.added[row, order] > 0]:
            text = _words(found.names[place], float(found.values[row, place]), facts, row, called)
            if text is not None:
                said[text] = None
        words.append(list(said)[:MOST] or [OTHERWISE])
    return words


def _words(name: str, value: float, facts: FactTable, row: int, names: Mapping[str, str]) -> str | None:
    """One input in words; None where it says nothing that a person could use."""
    if np.isnan(value):
        return None
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
            return f"stopped having {item} {_when(value)}"
        case "liking" if value:
            return f"was interested in {item} lately"
        case "items_held":
            return f"has {value:g} items"
    return f"stopped having it {_when(value)}" if name == f"{OWN} ended" and value else None


def _when(recency: float) -> str:
    """Of a value that is 1 / (1 + cadences)."""
    return "lately" if recency > 1 / 4 else "some time ago"
