"""How each kind of rule judges pairs of users and items."""

from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools
from ml.data.facts import DAY_US
from ml.domains.eligibility_rules import (
    Affordability,
    Comparison,
    Consent,
    Exclusive,
    Flag,
    Membership,
    RecentEvent,
    Rule,
)
from ml.reranking.eligibility.pairs import Pairs

Verdicts = NDArray[np.int8]
DOES_NOT_APPLY, PASSED, FAILED, UNKNOWN_FACT = range(4)
VERDICTS = ("does not apply", "passed", "failed", "unknown fact")
_COMPARE = {"<": np.less, "<=": np.less_equal, ">=": np.greater_equal, ">": np.greater}


@singledispatch
def judge(rule: Rule, pairs: Pairs) -> Verdicts:
    """The verdicts of one rule in a shape that broadcasts to (R, C), whichever items it applies to."""
    raise NotImplementedError(f"rules of type {type(rule).__name__} have no judgement: register one")


def _verdicts(holds: Bools, unknown: Bools) -> Verdicts:
    return np.where(unknown, UNKNOWN_FACT, np.where(holds, PASSED, FAILED)).astype(np.int8)


@judge.register
def _(rule: Comparison, pairs: Pairs) -> Verdicts:
    fact = pairs.user_fact(rule.fact)
    # Facts are 32-bit numbers, and so must the constant be: 0.8 as 64 bits is less than 0.8 as 32.
    bound = np.float32(rule.value or 0) if rule.item_fact is None else pairs.item_fact(rule.item_fact)
    return _verdicts(_COMPARE[rule.operator](fact, bound), np.isnan(fact) | np.isnan(bound))


@judge.register
def _(rule: Flag, pairs: Pairs) -> Verdicts:
    fact = pairs.user_fact(rule.fact)
    return _verdicts(fact == float(rule.equals), np.isnan(fact))


@judge.register
def _(rule: Membership, pairs: Pairs) -> Verdicts:
    fact = pairs.user_fact(rule.fact)
    if np.isnan(fact).all():
        return _verdicts(np.zeros(fact.shape, bool), np.isnan(fact))
    codes = [pairs.facts.code(rule.fact, text) for text in rule.among or rule.not_among]
    listed = np.isin(fact, codes)
    return _verdicts(listed if rule.among else ~listed, np.isnan(fact))


@judge.register
def _(rule: Affordability, pairs: Pairs) -> Verdicts:
    income = pairs.user_fact(rule.income).astype(np.float64)
    instalment = pairs.user_fact(rule.instalment).astype(np.float64)
    if rule.item_instalment:
        instalment = instalment + pairs.item_fact(rule.item_instalment)
    # Divided once, so that a share of just the limit is the limit.
    share = np.divide(12 * instalment, income, out=np.full_like(instalment + income, np.inf), where=income > 0)
    return _verdicts(share <= rule.limit, np.isnan(income) | np.isnan(instalment))


@judge.register
def _(rule: Exclusive, pairs: Pairs) -> Verdicts:
    broken = np.zeros((len(pairs.user), pairs.item.shape[1]), bool)
    rows = pairs.held.rows
    for excluded in pairs.items.vocabulary.encode(rule.not_with):
        holds = np.zeros((len(pairs.user), 1), bool)
        holds[rows[pairs.held.values == excluded]] = True
        broken |= holds & (pairs.item != excluded)
    return _verdicts(~broken, np.zeros(1, bool))


@judge.register
def _(rule: RecentEvent, pairs: Pairs) -> Verdicts:
    since = pairs.moment[:, None] - rule.days * DAY_US
    lately = [pairs.last(event, rule.of) >= since for event in rule.events]
    return _verdicts(~np.logical_or.reduce(lately), np.zeros(1, bool))


@judge.register
def _(rule: Consent, pairs: Pairs) -> Verdicts:
    if pairs.channel is None:
        return np.full((1, 1), DOES_NOT_APPLY, np.int8)
    asked = np.array([channel is not None for channel in pairs.channel], bool)[:, None]
    found = np.where(asked, FAILED, DOES_NOT_APPLY).astype(np.int8)
    for channel, name in rule.channels.items():
        fact = pairs.user_fact(name)
        through = (pairs.channel == channel)[:, None]
        found = np.where(through, _verdicts(fact == 1, np.isnan(fact)), found)
    return found
