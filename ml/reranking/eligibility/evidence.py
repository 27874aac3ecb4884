"""The facts that a rule read of pairs of users and items, as JSON-able values by name."""

from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Floats, Ints
from ml.data.facts import FactTable
from ml.data.occurrences import NEVER
from ml.domains.eligibility_rules import Consent, Exclusive, RecentEvent, Rule
from ml.reranking.eligibility.pairs import Pairs

Values = NDArray[np.object_]
_READ: dict[str, Callable[[float], Any]] = {
    "number": lambda value: float(f"{value:.7g}"),  # as many digits as 32 bits hold
    "flag": bool,
    "moment": lambda value: str(np.datetime64(int(value), "D")),
}


def user_values(pairs: Pairs, name: str) -> Values:
    """(R, 1) one fact of the users: a number, true or false, or text; None where it is not known."""
    return _values(pairs.facts, name, pairs.user_fact(name)[:, 0])[:, None]


@singledispatch
def facts_used(rule: Rule, pairs: Pairs) -> dict[str, Values]:
    """What one rule reads of R users with C items: names, an item's facts as `item.…`, and values.

    The values broadcast to (R, C).
    """
    users = {name: user_values(pairs, name) for name in rule.user_facts}
    facts = pairs.items
    return users | {
        f"item.{name}": _values(facts.facts, name, facts.fact(name))[pairs.item] for name in rule.item_facts
    }


@facts_used.register
def _(rule: Exclusive, pairs: Pairs) -> dict[str, Values]:
    places = set(pairs.items.vocabulary.encode(rule.not_with).tolist())
    held = [
        [str(pairs.items.ids[item]) for item in pairs.held[row] if item in places] for row in range(len(pairs.user))
    ]
    return {f"{rule.id}.held": _column(held)}


@facts_used.register
def _(rule: RecentEvent, pairs: Pairs) -> dict[str, Values]:
    return {f"last {event} of the {rule.of}": _instants(pairs.last(event, rule.of)) for event in rule.events}


@facts_used.register
def _(rule: Consent, pairs: Pairs) -> dict[str, Values]:
    if pairs.channel is None:
        return {}
    consent = np.full((len(pairs.user), 1), None, object)
    for channel, name in rule.channels.items():
        through = (pairs.channel == channel)[:, None]
        consent[through] = user_values(pairs, name)[through]
    return {"channel": pairs.channel[:, None], "channel.consent": consent}


def _values(table: FactTable, name: str, column: Floats) -> Values:
    """(N,) one column of facts for people and JSON."""
    if name not in table.facts:
        return np.full(len(column), None, object)
    kind = table.facts[name].kind
    texts = table.categories.get(name)
    read = _READ[kind] if texts is None else lambda value: str(texts[int(value)])
    return _column([None if value != value else read(value) for value in column.tolist()])[:, 0]


def _instants(at: Ints) -> Values:
    """Microseconds as ISO timestamps (UTC) to the second; None for never."""
    texts: Values = np.datetime_as_string(np.where(at == NEVER, 0, at).astype("datetime64[us]"), unit="s").astype(
        object
    )
    texts[at == NEVER] = None
    return texts


def _column(values: Sequence[Any]) -> Values:
    """(N, 1) of any objects, lists as they are."""
    column = np.empty((len(values), 1), object)
    for row, value in enumerate(values):
        column[row, 0] = value
    return column
