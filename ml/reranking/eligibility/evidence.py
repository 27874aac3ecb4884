"""The facts that a rule read of one pair, as JSON-able values."""

from functools import singledispatch
from typing import Any

import numpy as np

from ml.data.facts import FactTable
from ml.data.occurrences import NEVER
from ml.domains.eligibility_rules import Consent, Exclusive, RecentEvent, Rule
from ml.reranking.eligibility.pairs import Pairs


def fact_of(table: FactTable, name: str, row: int) -> float | bool | str | None:
    """One fact of one row: a number, true or false, or text; None where it is not known."""
    if name not in table.facts:
        return None
    value = float(table.column(name)[row])
    if np.isnan(value):
        return None
    match table.facts[name].kind:
        case "number":
            return float(f"{value:.7g}")  # as many digits as 32 bits hold
        case "flag":
            return bool(value)
        case _:
            return table.text(name, row)


@singledispatch
def facts_used(rule: Rule, pair: Pairs) -> dict[str, Any]:
    """What one rule reads of one user and one item: names and values, an item's facts as `item.…`."""
    item = int(pair.item[0, 0])
    users = {name: fact_of(pair.facts, name, 0) for name in rule.user_facts}
    return users | {f"item.{name}": fact_of(pair.items.facts, name, item) for name in rule.item_facts}


@facts_used.register
def _(rule: Exclusive, pair: Pairs) -> dict[str, Any]:
    held = set(pair.items.ids[pair.held[0]])
    return {"held": [name for name in rule.not_with if name in held]}


@facts_used.register
def _(rule: RecentEvent, pair: Pairs) -> dict[str, Any]:
    last = {event: int(pair.last(event, rule.of)[0, 0]) for event in rule.events}
    return {
        f"last {event} of the {rule.of}": None if at == NEVER else str(np.datetime64(at, "us")).partition(".")[0]
        for event, at in last.items()
    }


@facts_used.register
def _(rule: Consent, pair: Pairs) -> dict[str, Any]:
    channel = None if pair.channel is None else pair.channel[0]
    fact = rule.channels.get(str(channel))
    return {"channel": channel} | ({} if fact is None else {fact: fact_of(pair.facts, fact, 0)})
