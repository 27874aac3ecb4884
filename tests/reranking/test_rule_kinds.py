"""Every kind of rule at its boundary: what just passes, what just fails, and what is not known."""

from typing import Any

import numpy as np
import pytest
from little_bank import DAY, NOW, WORDS, items_of, requests_of, users_of

from ml.data.occurrences import Occurrences
from ml.domains.eligibility import Eligibility
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
from ml.errors import RunFailed
from ml.reranking.eligibility import decide, explain

LOAN = items_of(loan=("credit", {"minimum_age": 18, "instalment": 100}))


def only(rule: Rule) -> Eligibility:
    """One rule, of items that require nothing beside what it reads."""
    return Eligibility(rules=(rule,), categories=("credit", "account"), items=("loan", "card", "a", "b"))


def verdict(rule: Rule, fact: dict[str, Any], items: Any = LOAN) -> str:
    requests = requests_of(users_of(fact))
    decisions = decide(only(rule), requests, items)
    said = explain(decisions, requests, 0, 0)[0].verdict
    assert decisions.allowed[0, 0] == (said == "passed")
    return said


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        ("<", "passed", "failed", "failed"),
        ("<=", "passed", "passed", "failed"),
        (">=", "failed", "passed", "passed"),
        (">", "failed", "failed", "passed"),
    ],
)
def test_a_constant_is_compared_as_the_operator_says(operator: Any, below: str, equal: str, above: str) -> None:
    rule = Comparison(id="share", fact="age", operator=operator, value=0.8, **WORDS)
    found = [verdict(rule, {"age": value}) for value in (0.7999, 0.8, 0.8001)]
    assert found == [below, equal, above]
    assert verdict(rule, {}) == "unknown fact"


def test_a_fact_of_the_item_is_compared_and_must_be_known() -> None:
    rule = Comparison(id="adult", fact="age", operator=">=", item_fact="minimum_age", **WORDS)
    assert [verdict(rule, {"age": age}) for age in (17, 18)] == ["failed", "passed"]
    assert verdict(rule, {"age": 18}, items_of(loan=("credit", {}))) == "unknown fact"


@pytest.mark.parametrize("wanted", [True, False])
def test_a_flag_must_be_what_the_rule_says(wanted: bool) -> None:
    rule = Flag(id="resident", fact="resident", equals=wanted, **WORDS)
    assert verdict(rule, {"resident": wanted}) == "passed"
    assert verdict(rule, {"resident": not wanted}) == "failed"
    assert verdict(rule, {}) == "unknown fact"


def test_a_category_must_be_among_the_listed_or_must_not() -> None:
    among = Membership(id="here", fact="country", among=("ES", "PT"), **WORDS)
    not_among = Membership(id="there", fact="country", not_among=("ES", "PT"), **WORDS)
    for country, here in (("ES", "passed"), ("FR", "failed")):
        assert verdict(among, {"country": country}) == here
        assert verdict(not_among, {"country": country}) == {"passed": "failed", "failed": "passed"}[here]
    assert verdict(among, {}) == verdict(not_among, {}) == "unknown fact"
    unheard_of = Membership(id="far", fact="country", among=("PT",), **WORDS)
    assert verdict(unheard_of, {"country": "FR"}) == "failed"


@pytest.mark.parametrize(
    ("instalment", "income", "said"),
    [
        (250, 12_000, "passed"),  # (250 + 100) / 1,000 is just the limit
        (250.5, 12_000, "failed"),
        (0, 0, "failed"),  # who earns nothing can afford nothing
        (None, 12_000, "unknown fact"),
        (250, None, "unknown fact"),
    ],
)
def test_instalments_stay_within_a_share_of_the_monthly_income(
    instalment: float | None, income: float | None, said: str
) -> None:
    rule = Affordability(
        id="affordable", instalment="instalment", income="income", item_instalment="instalment", limit=0.35, **WORDS
    )
    assert verdict(rule, {"instalment": instalment, "income": income}) == said


def test_an_instalment_that_the_item_does_not_tell_is_not_guessed() -> None:
    rule = Affordability(id="affordable", instalment="instalment", income="income", limit=0.35, **WORDS)
    with_item = rule.model_copy(update={"item_instalment": "instalment"})
    tile = items_of(loan=("credit", {}))
    assert verdict(rule, {"instalment": 350, "income": 12_000}, tile) == "passed"
    assert verdict(with_item, {"instalment": 0, "income": 12_000}, tile) == "unknown fact"


def test_alternatives_exclude_each_other_but_not_themselves() -> None:
    rule = Exclusive(id="one", items=("a", "b"), not_with=("a", "b"), **WORDS)
    items = items_of(a=("account", {}), b=("account", {}), card=("credit", {}))
    requests = requests_of(users_of({}, {}, {}), held=[[0], [], [0, 1, 2]])
    allowed = decide(only(rule), requests, items).allowed
    assert allowed.tolist() == [[True, False, True], [True, True, True], [False, False, True]]


@pytest.mark.parametrize(
    ("ago", "said"), [(0, "passed"), (1, "failed"), (30 * DAY, "failed"), (30 * DAY + 1, "passed")]
)
def test_an_event_counts_for_so_many_days_but_not_at_the_moment_itself(ago: int, said: str) -> None:
    rule = RecentEvent(id="refused", events=("refuse",), days=30, **WORDS)
    zero = np.zeros(1, np.int32)
    refusals = {"refuse": Occurrences.of_events(zero, zero, np.array([NOW - ago]))}
    requests = requests_of(users_of({}), occurrences=refusals)
    decisions = decide(only(rule), requests, LOAN)
    assert explain(decisions, requests, 0, 0)[0].verdict == said
    assert decisions.allowed[0, 0] == (said == "passed")


def test_an_event_with_another_item_counts_where_the_rule_is_about_the_category() -> None:
    items = items_of(loan=("credit", {}), card=("credit", {}), a=("account", {}))
    zero = np.zeros(1, np.int32)
    requests = requests_of(
        users_of({}, {}), occurrences={"refuse": Occurrences.of_events(zero, zero, np.array([NOW - DAY]))}
    )
    allowed = {
        of: decide(only(RecentEvent(id="no", events=("refuse",), days=9, of=of, **WORDS)), requests, items).allowed
        for of in ("item", "category")
    }
    assert allowed["item"].tolist() == [[False, True, True], [True, True, True]]
    assert allowed["category"].tolist() == [[False, False, True], [True, True, True]]


def test_events_that_nobody_loaded_are_an_error_and_not_nothing() -> None:
    rule = RecentEvent(id="refused", events=("refuse",), days=30, **WORDS)
    with pytest.raises(RunFailed, match="'refuse' last happened"):
        decide(only(rule), requests_of(users_of({})), LOAN)


def test_a_marketing_channel_needs_consent_and_no_channel_needs_none() -> None:
    rule = Consent(id="consent", channels={"email": "consent_email"}, **WORDS)
    facts = [{"consent_email": True}, {"consent_email": False}, {}]
    requests = requests_of(users_of(*facts))
    for channel, allowed in (("email", [True, False, False]), ("pigeon", [False] * 3), (None, [True] * 3)):
        asked = np.array([channel] * 3, object)
        assert decide(only(rule), requests, LOAN, channel=asked).allowed[:, 0].tolist() == allowed
    assert decide(only(rule), requests, LOAN).allowed.all()
