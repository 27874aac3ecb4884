"""The bank's rules, held against its own products and a customer who may have nearly everything."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from ml.data.arrays import Ragged
from ml.data.facts import FactTable
from ml.data.generators.santander.catalogue import PRODUCTS as SOLD
from ml.data.occurrences import Occurrences
from ml.data.requests import History, Requests
from ml.domains import get_domain
from ml.domains.banking_rules import ADULT_ACCOUNTS, BANKING_ELIGIBILITY, JUNIOR, PRODUCTS
from ml.reranking.eligibility import ItemsSeen, decide

DAY = 86_400_000_000
NOW = 17_000 * DAY
BANK = get_domain("banking")
ITEMS = tuple(sorted(SOLD, key=lambda product: product.flag))
IDS = [product.flag for product in ITEMS]
OF = {kind: {p.flag for p in SOLD if p.category == kind} for kind in BANKING_ELIGIBILITY.categories}
GOOD = {
    "age": 40, "is_resident": True, "is_deceased": False, "employment": "N", "assessed_income": 60_000,
    "credit_utilisation": 0.1, "loan_amount": 0, "instalment": 0, "arrears_months": 0, "vulnerable": False,
    "risk_tolerance": 5, "consent_email": True,
}  # fmt: skip
DERIVATIVES, SECURITIES, FUNDS = (f"ind_{name}_fin_ult1" for name in ("cder", "valo", "fond"))
PARTICULAR, PLUS, MORE = (f"ind_{name}_fin_ult1" for name in ("ctop", "ctpp", "ctma"))
CARD, MORTGAGE = "ind_tjcr_fin_ult1", "ind_hip_fin_ult1"


def seen() -> ItemsSeen:
    values = [[getattr(product, name, np.nan) for name in BANK.item_facts if name != "terms"] for product in ITEMS]
    facts = {name: fact for name, fact in BANK.item_facts.items() if name != "terms"}
    category = np.array([product.category for product in ITEMS], object)
    return ItemsSeen(np.array(IDS, object), category, FactTable(facts, np.array(values, np.float32), {}))


def offered(
    known: Mapping[str, Any], held: tuple[str, ...] = (), events: Mapping[str, tuple[str, int]] | None = None,
    channel: str | None = None,
) -> set[str]:  # fmt: skip
    """What a customer of these facts, products, and events (type: item, days ago) may be offered."""
    texts = np.array(["A", "B", "F", "N", "P"], object)
    row = [
        np.nan if known.get(name) is None else list(texts).index(known[name]) if name == "employment" else known[name]
        for name in BANK.user_facts
    ]
    happened = {kind: Occurrences.none() for kind in BANKING_ELIGIBILITY.event_types}
    user = np.zeros(1, np.int32)
    for kind, (item, days) in (events or {}).items():
        at = np.array([NOW - days * DAY])
        happened[kind] = Occurrences.of_events(user, np.array([IDS.index(item)], np.int32), at)
    has = np.array([IDS.index(item) for item in held], np.int32)
    nothing = History(np.zeros(2, np.int64), *(np.zeros(0, each) for each in ("i4", "i8", "i4", "f4")))
    requests = Requests(
        user, np.array([NOW]), user, nothing, Ragged.empty(1),
        FactTable(BANK.user_facts, np.array([row], np.float32), {"employment": texts}),
        Ragged(np.array([0, len(has)]), has), occurrences=happened,
    )  # fmt: skip
    asked = None if channel is None else np.array([channel], object)
    return set(np.array(IDS)[decide(BANKING_ELIGIBILITY, requests, seen(), channel=asked).allowed[0]])


EVERYTHING = set(IDS) - {JUNIOR}


def test_the_rules_name_every_product_that_the_bank_sells() -> None:
    assert sorted(PRODUCTS) == sorted(IDS)
    assert set(BANKING_ELIGIBILITY.categories) == {product.category for product in SOLD}


def test_a_good_customer_may_have_everything_but_the_account_for_minors() -> None:
    assert offered(GOOD) == EVERYTHING
    assert offered({**GOOD, "age": 17}) == {JUNIOR}
    assert JUNIOR not in offered({**GOOD, "age": 18})


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({"age": 66}, {MORTGAGE, "ind_plan_fin_ult1", "ind_viv_fin_ult1"}),
        ({"is_resident": False}, OF["credit"] | OF["savings"] | OF["deposit"] | OF["investment"]),
        ({"is_deceased": True}, EVERYTHING),
        ({"employment": "A"}, OF["credit"] | {DERIVATIVES, SECURITIES}),
        ({"employment": "B"}, set()),
        ({"assessed_income": 49_999}, {DERIVATIVES}),
        ({"assessed_income": 9_999}, OF["credit"] | {DERIVATIVES, PLUS}),
        ({"instalment": 1750}, set()),
        ({"instalment": 1751}, OF["credit"]),
        ({"credit_utilisation": 0.8}, set()),
        ({"credit_utilisation": 0.81}, OF["credit"]),
        ({"arrears_months": 1}, OF["credit"]),
        ({"vulnerable": True}, OF["credit"] | {DERIVATIVES, SECURITIES, FUNDS}),
        ({"risk_tolerance": 3}, {DERIVATIVES, SECURITIES}),
        ({"loan_amount": None}, OF["credit"]),
        ({"risk_tolerance": None}, OF["investment"]),
    ],
)
def test_each_rule_takes_away_what_it_is_about(change: dict[str, Any], lost: set[str]) -> None:
    assert EVERYTHING - offered({**GOOD, **change}) == lost


def test_the_particular_accounts_are_one_account_and_minors_have_no_second_one() -> None:
    assert offered(GOOD, held=(PARTICULAR,)) == EVERYTHING - {PLUS, MORE}
    assert offered({**GOOD, "age": 17}, held=ADULT_ACCOUNTS[:1]) == set()


@pytest.mark.parametrize(
    ("events", "lost"),
    [
        ({"refuse": (CARD, 180)}, OF["credit"]),
        ({"refuse": (CARD, 181)}, set()),
        ({"decline": (FUNDS, 90)}, {FUNDS}),
        ({"decline": (FUNDS, 91)}, set()),
    ],
)
def test_a_refusal_keeps_all_credit_away_and_a_decline_its_product(
    events: dict[str, tuple[str, int]], lost: set[str]
) -> None:
    assert EVERYTHING - offered(GOOD, events=events) == lost


def test_marketing_needs_consent_to_its_channel() -> None:
    assert offered(GOOD, channel="email") == EVERYTHING
    assert offered({**GOOD, "consent_email": False}, channel="email") == set()
    assert offered(GOOD, channel="phone") == set()  # nobody knows whether
    assert offered(GOOD, channel="fax") == set()


def test_a_stranger_is_offered_nothing_and_two_facts_are_enough_for_an_account() -> None:
    assert offered({}) == set()
    assert offered({"age": 40, "is_deceased": False}) == (OF["account"] | OF["payment"]) - {JUNIOR, PLUS}
