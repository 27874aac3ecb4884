"""A user's package: items to be reminded of, and items to meet for the first time.

Shapes: R users, K places.
"""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Floats
from ml.data.facts import DAY_US
from ml.data.requests import Requests
from ml.reranking.eligibility import Decisions

HAS_IT, LOOKED_AT, NEVER_MET = "has it", "had it or looked at it", "never met it"


@dataclass(frozen=True)
class Met:
    """What users have to do with items already."""

    held: Bools  # (R, items) the user has it
    touched: Bools  # (R, items) some event of the user's says something about liking it

    @classmethod
    def of(cls, requests: Requests, items: int) -> "Met":
        """From what users have and from all of their history."""
        held, touched = np.zeros((len(requests), items), bool), np.zeros((len(requests), items), bool)
        if requests.held is not None:
            held[requests.held.rows, requests.held.values] = True
        touched[requests.history.rows, requests.history.item] = True
        return cls(held, touched)

    @property
    def any(self) -> Bools:
        """(R, items) has it, had it, or looked at it."""
        return self.held | self.touched

    def why(self, row: int, item: int) -> str:
        """One pair in words."""
        return HAS_IT if self.held[row, item] else LOOKED_AT if self.touched[row, item] else NEVER_MET


def reminding(met: Met, decisions: Decisions) -> Bools:
    """(R, items) what a user may be reminded of: what they have, and what they looked at and may be offered.

    Something owned is no offer, so rules about who may get an item do not take it away; whoever may be offered
    nothing at all (as everybody whom the rules know too little of, and who has died) is reminded of nothing either.
    """
    reachable = decisions.allowed.any(axis=1, keepdims=True)
    return (met.held & reachable) | (met.touched & ~met.held & decisions.allowed)


def discovering(met: Met, decisions: Decisions) -> Bools:
    """(R, items) what a user never met and may be offered."""
    return ~met.any & decisions.allowed


def usefulness(requests: Requests, held: Bools, half_life_days: float) -> Floats:
    """(R, items) how useful a reminder is: the weights of all events with the item, decayed to the moment.

    So what somebody looked at a moment ago comes before what they have used for years without a thought. What is
    held and was never touched otherwise counts by nothing and comes last.
    """
    history = requests.history
    age = (requests.moment[history.rows] - history.at) / DAY_US
    cell = history.rows * held.shape[1] + history.item
    weight = history.weight * np.exp2(-age / half_life_days)
    found: Floats = np.bincount(cell, weight, held.size).reshape(held.shape).astype(np.float32)
    return found


def shortfall(half: str, wanted: int, found: int, candidates: Bools, allowed: Bools) -> str | None:
    """Why one user's half holds fewer items than wanted; None where it does not.

    Args:
        half: What it is called.
        wanted: Items asked for.
        found: Items there.
        candidates: (items,) that would belong into it if no rule forbade any.
        allowed: (items,) what the rules allow.
    """
    if found >= wanted:
        return None
    refused = int((candidates & ~allowed).sum())
    return (
        f"{found} of {wanted} {half}: of {int(candidates.sum())} items that could be, rules refuse {refused} as offers"
    )
