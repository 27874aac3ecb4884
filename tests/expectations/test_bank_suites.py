"""The bank's own rules, by the real Great Expectations: each finds what is planted, and nothing in a bank in order."""

import json
from datetime import datetime
from pathlib import Path

import landed_bank as bank
import pytest

from ml.errors import RunFailed
from ml.settings import PROJECT_ROOT
from ml.steps.validating import validate_landing
from ml.validation.suites import read_suite

OWN = sorted((PROJECT_ROOT / "expectations" / "banking").rglob("*.yml"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))


def spoilt() -> dict[str, bank.Rows]:
    """The bank with each rule broken once, by rows of its own."""
    tables, (january, *_) = bank.clean(), bank.DAYS
    wrong = {
        3: {"age": 121}, 4: {"age": "old"}, 6: {"risk_tolerance": 7}, 7: {"income": -1.0}, 8: {"arrears_months": "two"},
        9: {"consent_post": "maybe"},
    }  # fmt: skip
    tables["user_states"] = [
        bank.state(int(row["user_id"][1:]), row["valid_from"], **wrong.get(int(row["user_id"][1:]), {}))
        if row["valid_from"] == january else row
        for row in tables["user_states"] if row["valid_from"] != bank.DAYS[3]
    ]  # fmt: skip
    tables["user_states"].append(bank.state(10, datetime(2015, 1, 30)))
    tables["interactions"] += [
        bank.event(11, bank.LOAN, "drop", bank.DAYS[1]),
        bank.event(13, bank.LOAN, "add", bank.DAYS[1]),
        bank.event(13, bank.LOAN, "drop", bank.DAYS[1]),
        bank.event(14, bank.LOAN, "contact", datetime(2015, 2, 3)),
        bank.event(16, bank.LOAN, "contact", datetime(2015, 2, 4), channel="phone"),
    ]
    tables["items"][0]["attributes"] = json.dumps({"risk_level": 6})
    tables["items"][1]["attributes"] = json.dumps({"minimum_age": 30, "maximum_age": 18})
    return tables


# The rule, how many rows break it, and words from the rows that are shown.
BROKEN = [
    ("one_state_a_month", 1, "user_id=c010, month=2015-01-01 00:00:00, states=2"),
    ("months_have_no_gap", 1, "month=2015-03-01 00:00:00, next_month=2015-05-01 00:00:00"),
    ("age_is_of_a_person", 2, "age=121"),
    ("risk_tolerance_is_on_its_scale", 1, "risk_tolerance=7"),
    ("amounts_are_not_negative", 2, "fact=income, amount=-1.0"),
    ("consent_is_yes_or_no", 1, "fact=consent_post, consent=maybe"),
    ("holding_begins_before_it_ends", 1, "user_id=c011"),
    ("holding_does_not_begin_and_end_at_once", 1, "user_id=c013"),
    ("contact_names_its_channel", 1, "user_id=c014"),
    ("nobody_is_told_against_their_word", 1, "user_id=c016, channel=phone"),
    ("risk_level_is_on_its_scale", 1, f"item_id={bank.CARD}, risk_level=6"),
    ("age_bounds_are_in_order", 1, f"item_id={bank.LOAN}, minimum_age=30, maximum_age=18"),
]


def test_a_bank_in_order_passes_every_rule() -> None:
    bank.land(bank.clean())
    told = validate_landing("banking")
    assert told["warnings"] == []
    assert told["rules"] > len(BROKEN)


def test_each_rule_finds_what_is_planted_and_shows_the_rows() -> None:
    bank.land(spoilt())
    with pytest.raises(RunFailed) as caught:
        validate_landing("banking")
    message = str(caught.value)
    for rule, rows, shown in BROKEN:
        assert f"{rule} ({rows} row{'s' * (rows > 1)})" in message, message
        assert shown in message, message
    assert message.count("Remedy:") == len(BROKEN)


@pytest.mark.parametrize("income", [None, 20_000.0], ids=["lost", "filled in"])
def test_too_many_or_too_few_incomes_are_warned_of(income: float | None) -> None:
    tables = bank.clean()
    tables["user_states"] = [
        bank.state(user, day, income=income) for user in range(bank.CUSTOMERS) for day in bank.DAYS
    ]  # fmt: skip
    bank.land(tables)
    (warning,) = validate_landing("banking")["warnings"]
    assert warning["rule"] == "income_is_known_of_most"


def test_every_rule_of_the_bank_is_tried_here() -> None:
    declared = {rule.rule for path in OWN for rule in read_suite(path).rules}
    assert declared == {rule for rule, *_ in BROKEN} | {"income_is_known_of_most"}
