"""Decisions in words: why an item was or was not offered to a user."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.data.requests import Requests
from ml.domains.eligibility import REQUIRED_FACTS
from ml.reranking.eligibility.decisions import Decisions
from ml.reranking.eligibility.evidence import Values, facts_used, user_values
from ml.reranking.eligibility.judging import DOES_NOT_APPLY, PASSED, UNKNOWN_FACT, VERDICTS, judge
from ml.reranking.eligibility.pairs import Pairs
from ml.reranking.eligibility.scope import Scope

UNKNOWN_FOR_CUSTOMER = "We do not know enough about you to offer this."
UNKNOWN_FOR_AUDITOR = "A fact of the customer that the item requires is not known."


@dataclass(frozen=True)
class Explained:
    """What one rule said of one user and item."""

    rule: str
    version: int
    verdict: str  # one of `VERDICTS`
    facts: dict[str, Any]  # what it read, by name, an item's facts as `item.…`; None: not known
    for_customer: str  # why the item is not offered where the rule fails
    for_auditor: str


def explain(decisions: Decisions, requests: Requests, row: int, column: int) -> list[Explained]:
    """What every rule said of one pair, in their order, and last whether the required facts were known.

    Args:
        decisions: What `decide` answered to these requests.
        requests: The same requests.
        row: Which request.
        column: Which of its candidates; raises `BadInput` where that is no item.
    """
    item = decisions.item(row, column)
    place = np.array([[item]], np.int32)
    pair = Pairs.of(requests, slice(row, row + 1), decisions.items, place, decisions.channel)
    scope = Scope.of(decisions.eligibility, decisions.items)
    found = []
    for rule, applies in zip(decisions.eligibility.rules, scope.applies[:, item], strict=True):
        verdict = int(judge(rule, pair).flat[0]) if applies else DOES_NOT_APPLY
        facts = _single(facts_used(rule, pair)) if verdict != DOES_NOT_APPLY else {}
        found.append(Explained(rule.id, rule.version, VERDICTS[verdict], facts, rule.for_customer, rule.for_auditor))
    return [*found, _required(pair, scope.facts_of(item), decisions.eligibility.version)]


def _required(pair: Pairs, names: tuple[str, ...], version: int) -> Explained:
    known = _single({name: user_values(pair, name) for name in names})
    verdict = UNKNOWN_FACT if None in known.values() else PASSED
    return Explained(REQUIRED_FACTS, version, VERDICTS[verdict], known, UNKNOWN_FOR_CUSTOMER, UNKNOWN_FOR_AUDITOR)


def _single(values: dict[str, Values]) -> dict[str, Any]:
    return {name: value.flat[0] for name, value in values.items()}
