"""What a domain may not declare: each refusal names the rule and what to do."""

from typing import Any

import pytest

from ml.domains import get_domain
from ml.domains.banking_rules import BANKING_ELIGIBILITY
from ml.domains.domain import Domain
from ml.domains.eligibility import MOST_RULES, Eligibility
from ml.domains.eligibility_rules import Affordability, Comparison, Exclusive, Flag, Membership, RecentEvent, Rule
from ml.domains.facts import Fact
from ml.errors import BadInput

WORDS = {"for_customer": "a reason for the customer", "for_auditor": "a reason for the auditor"}
ADULT = Comparison(id="adult", fact="age", operator=">=", value=18, **WORDS)


def test_a_rule_says_what_must_hold() -> None:
    with pytest.raises(TypeError, match="condition"):
        Rule(id="adult", **WORDS)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"rules": (ADULT, ADULT)}, "rule adult is declared twice: give each rule an id"),
        ({"rules": (ADULT.model_copy(update={"id": "required_facts"}),)}, "has the id of the check of `required`"),
        (
            {"rules": (ADULT.model_copy(update={"categories": ("kredit",)}),), "categories": ("credit",)},
            "rule adult names category 'kredit', which is not declared: correct it or add it to `categories`",
        ),
        ({"rules": (ADULT.model_copy(update={"items": ("loan",)}),)}, "rule adult names item 'loan'"),
        ({"rules": (Exclusive(id="one", not_with=("loan",), **WORDS),)}, "rule one names item 'loan'"),
        ({"required": {"credit": ()}}, "`required` names 'credit', which is not declared"),
        (
            {"rules": tuple(ADULT.model_copy(update={"id": f"r{n}"}) for n in range(MOST_RULES + 1))},
            "at most 63 items",
        ),
    ],
)
def test_a_ruleset_names_only_what_it_declares(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Eligibility(**declared)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({}, "rule adult compares with both or neither"),
        ({"value": 18, "item_fact": "minimum_age"}, "rule adult compares with both or neither"),
        ({"value": float("nan")}, "finite"),
    ],
)
def test_a_comparison_has_one_bound(bounds: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Comparison(id="adult", fact="age", operator=">=", **bounds, **WORDS)


@pytest.mark.parametrize("texts", [{}, {"among": ("ES",), "not_among": ("FR",)}])
def test_a_membership_has_one_list(texts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="rule here has both or neither of among and not_among"):
        Membership(id="here", fact="country", **texts, **WORDS)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (ADULT.model_copy(update={"fact": "years"}), "rule adult reads fact 'years'.*add it to `user_facts`"),
        (ADULT.model_copy(update={"value": None, "item_fact": "from_age"}), "fact 'from_age'.*add it to `item_facts`"),
        (Flag(id="old", fact="age", equals=True, **WORDS), "rule old reads 'age' as a flag.*declares a number"),
        (RecentEvent(id="no", events=("refuse",), days=9, **WORDS), "rule no reads event type 'refuse'"),
        (
            Affordability(id="pays", instalment="age", income="age", item_instalment="rate", limit=1, **WORDS),
            "rule pays reads fact 'rate'",
        ),
    ],
)
def test_a_domain_declares_what_its_rules_read(rule: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        domain_with(Eligibility(rules=(rule,)))


def test_a_domain_declares_the_facts_that_its_items_require() -> None:
    with pytest.raises(ValueError, match="`required` of loan names fact 'years'"):
        domain_with(Eligibility(items=("loan",), required={"loan": ("years",)}))


def test_a_domain_whose_rules_read_what_it_declares_is_accepted() -> None:
    assert domain_with(Eligibility(rules=(ADULT,))).eligibility.rules == (ADULT,)


def domain_with(eligibility: Eligibility) -> Domain:
    """The shop, with one fact of its users and these rules."""
    facts = {"user_facts": {"age": Fact(kind="number", description="In years.")}, "eligibility": eligibility}
    return Domain(**dict(get_domain("retail")) | facts)


def test_a_channel_needs_a_rule_of_consent() -> None:
    assert BANKING_ELIGIBILITY.channels == ("email", "phone", "post", "app")
    for channel in (None, *BANKING_ELIGIBILITY.channels):
        BANKING_ELIGIBILITY.check_channel(channel)
    with pytest.raises(BadInput, match=r"'pigeon' has no rule of consent; declared channels: app, email, phone, post"):
        BANKING_ELIGIBILITY.check_channel("pigeon")
    with pytest.raises(BadInput, match=r"'email' has no rule of consent; declared channels: none"):
        Eligibility().check_channel("email")


def test_the_bits_of_a_decision_are_named_in_the_declared_order() -> None:
    names = BANKING_ELIGIBILITY.names
    assert names[0] == "minimum_age@1"
    assert names[-1] == "required_facts@1"
    assert BANKING_ELIGIBILITY.named(0) == ()
    assert BANKING_ELIGIBILITY.named(0b101) == (names[0], names[2])
    assert BANKING_ELIGIBILITY.named(1 << (len(names) - 1)) == ("required_facts@1",)
