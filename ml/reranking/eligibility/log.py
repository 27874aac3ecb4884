"""The log of decisions, one row a user and item, that an auditor reads."""

import json
from typing import Any

import numpy as np
import pandas as pd

from ml.data.arrays import Strings
from ml.data.requests import Requests
from ml.reranking.eligibility.decisions import Decisions
from ml.reranking.eligibility.evidence import fact_of, facts_used
from ml.reranking.eligibility.pairs import Pairs
from ml.reranking.eligibility.scope import Scope

COLUMNS = ("user_id", "item_id", "allowed", "rules", "facts", "moment", "ruleset")


def decision_log(decisions: Decisions, requests: Requests, user_ids: Strings) -> pd.DataFrame:
    """Every decision with its grounds.

    Args:
        decisions: What `decide` answered to these requests.
        requests: The same R requests.
        user_ids: (R,) whom each request was for, unknown users included.

    Returns:
        One row a request and candidate that is an item: user_id, item_id, allowed, rules (those that forbid it, as
        `id@version`), facts (JSON: all that the item's rules and requirements read), moment (UTC) and ruleset (the
        digest of the declared rules).
    """
    scope, digest = Scope.of(decisions.eligibility, decisions.items), decisions.eligibility.digest
    allowed, rows = decisions.allowed, []
    for row, column in np.ndindex(decisions.failed.shape):
        if decisions.candidates is not None and decisions.candidates[row, column] < 0:
            continue
        item = decisions.item(row, column)
        facts = json.dumps(_facts(decisions, requests, scope, row, item), ensure_ascii=False, sort_keys=True)
        moment = pd.Timestamp(int(requests.moment[row]), unit="us", tz="UTC")
        rules = list(decisions.rules(row, column))
        rows.append((user_ids[row], decisions.items.ids[item], allowed[row, column], rules, facts, moment, digest))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _facts(decisions: Decisions, requests: Requests, scope: Scope, row: int, item: int) -> dict[str, Any]:
    place = np.array([[item]], np.int32)
    pair = Pairs.of(requests, slice(row, row + 1), decisions.items, place, decisions.channel)
    found: dict[str, Any] = {name: fact_of(pair.facts, name, 0) for name in scope.facts_of(item)}
    for rule, applies in zip(decisions.eligibility.rules, scope.applies[:, item], strict=True):
        if applies:
            for name, value in facts_used(rule, pair).items():
                merged = name == "held" and name in found
                found[name] = sorted({*found[name], *value}) if merged else value
    return found
