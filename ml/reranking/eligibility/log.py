"""The log of decisions, one row a user and item, that an auditor reads."""

import json

import numpy as np
import pandas as pd

from ml.data.arrays import Indices, Ints, Strings
from ml.data.requests import Requests
from ml.reranking.eligibility.decisions import Decisions
from ml.reranking.eligibility.evidence import Values, facts_used, user_values
from ml.reranking.eligibility.pairs import Pairs
from ml.reranking.eligibility.scope import Scope


def decision_log(decisions: Decisions, requests: Requests, user_ids: Strings) -> pd.DataFrame:
    """Every decision with its grounds; it is held in memory, so hand in some thousand requests at a time.

    Args:
        decisions: What `decide` answered to these requests.
        requests: The same R requests.
        user_ids: (R,) whom each request was for, unknown users included.

    Returns:
        One row a request and candidate that is an item: user_id, item_id, allowed, rules (those that forbid it, as
        `id@version`), facts (JSON: all that the item's rules and requirements read), moment (UTC) and ruleset (the
        digest of the declared rules).
    """
    pairs = decisions.pairs(requests)
    places = np.broadcast_to(pairs.item, decisions.failed.shape)
    there = np.ones(places.shape, bool) if decisions.candidates is None else decisions.candidates >= 0
    row, column = np.nonzero(there)
    item = places[row, column]
    return pd.DataFrame(
        {
            "user_id": np.asarray(user_ids, object)[row],
            "item_id": decisions.items.ids[item],
            "allowed": decisions.allowed[row, column],
            "rules": [decisions.rules(r, c) for r, c in zip(row.tolist(), column.tolist(), strict=True)],
            "facts": _facts(decisions, pairs, row, column, item),
            "moment": pd.to_datetime(requests.moment[row], unit="us", utc=True),
            "ruleset": decisions.eligibility.digest,
        }
    )


def _facts(decisions: Decisions, pairs: Pairs, row: Ints, column: Ints, item: Indices) -> list[str]:
    """The JSON object of each pair: the facts that the item requires, and those that its rules read."""
    scope, shape = Scope.of(decisions.eligibility, decisions.items), decisions.failed.shape
    required = {name: np.broadcast_to(user_values(pairs, name), shape) for name in scope.requires}
    used = [
        {name: np.broadcast_to(values, shape) for name, values in facts_used(rule, pairs).items()}
        for rule in decisions.eligibility.rules
    ]
    read: dict[int, dict[str, Values]] = {}
    for each in set(item.tolist()):
        read[each] = {name: required[name] for name in scope.facts_of(each)}
        for number in np.flatnonzero(scope.applies[:, each]):
            read[each] |= used[number]
    pairs_of = zip(row.tolist(), column.tolist(), item.tolist(), strict=True)
    return [
        json.dumps({name: values[r, c] for name, values in read[each].items()}, ensure_ascii=False)
        for r, c, each in pairs_of
    ]
