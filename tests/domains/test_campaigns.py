"""What a domain may declare about reaching users before they ask."""

import pytest
from pydantic import ValidationError

from ml.domains import Domain, get_domain
from ml.domains.campaigns import Campaigns
from ml.domains.facts import Fact

FACTS = {
    "age": Fact(kind="number", description="Years."),
    "segment": Fact(kind="category", description="Of the market."),
}
EVENTS = ("apply", "view", "contact")


def test_what_is_declared_by_the_domain_passes():
    Campaigns(asked=("apply",), looked=("view",), segments={"age": (30, 50), "segment": ()}).check(FACTS, EVENTS)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"asked": ("aply",)}, "'aply'"),
        ({"segments": {"agee": ()}}, "'agee'"),
        ({"segments": {"segment": (1.0,)}}, "no number"),
        ({"segments": {"age": (50, 30)}}, "ascending"),
        ({"segments": {"age": (30, 30)}}, "ascending"),
    ],
)
def test_what_nobody_declared_is_refused(declared, message):
    with pytest.raises(ValueError, match=message):
        Campaigns(**declared).check(FACTS, EVENTS)


@pytest.mark.parametrize("wrong", [{"control_share": 1.0}, {"rest_days": 0}, {"quiet_days": -1}])
def test_numbers_out_of_bounds_are_refused(wrong):
    with pytest.raises(ValidationError):
        Campaigns(**wrong)


def test_campaigns_need_a_rule_of_consent():
    banking = get_domain("banking")
    without = tuple(rule for rule in banking.eligibility.rules if rule.id != "consent")
    unasked = banking.model_copy(update={"eligibility": banking.eligibility.model_copy(update={"rules": without})})
    assert banking.eligibility.channels == ("email", "phone", "post", "app")
    with pytest.raises(ValidationError, match="add a rule of consent"):
        Domain.model_validate(unasked.model_dump())
