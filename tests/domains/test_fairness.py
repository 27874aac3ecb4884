"""A declaration of fairness has something to judge."""

import pytest
from pydantic import ValidationError

from ml.domains import DOMAINS, Domain, Fairness
from ml.domains.facts import Fact

SEX = Fact(kind="category", description="as registered", protected=True)
INCOME = Fact(kind="number", description="a year")


def declared(**changes) -> Domain:
    usual = {"user_facts": {"sex": SEX, "income": INCOME}, "guarded_categories": ("credit",), "fairness": Fairness()}
    return Domain.model_validate(DOMAINS["retail"].model_dump() | usual | changes)


def test_what_is_protected_is_named():
    assert declared().protected_facts == ("sex",)


@pytest.mark.parametrize("lacking", [{"guarded_categories": ()}, {"user_facts": {"income": INCOME}}])
def test_without_a_protected_fact_or_a_guarded_category_there_is_nothing_to_judge(lacking):
    with pytest.raises(ValidationError, match="fairness needs a protected fact"):
        declared(**lacking)


@pytest.mark.parametrize("kind", ["number", "moment"])
def test_a_protected_fact_must_part_people_into_groups(kind):
    age = Fact(kind=kind, description="of birth", protected=True)
    with pytest.raises(ValidationError, match="groups of the protected age"):
        declared(user_facts={"sex": SEX, "age": age})
    assert declared(user_facts={"sex": SEX, "age": age}, fairness=None).fairness is None
