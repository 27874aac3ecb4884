"""Santander's snapshots as interactions and states of users."""

import random
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_snapshots import (
    APRIL,
    AS_WRITTEN,
    CARD,
    COLUMNS,
    CURRENT,
    FEBRUARY,
    JANUARY,
    MARCH,
    NO_FACTS,
    NOW,
    PAYROLL,
    Row,
    events,
    land,
    landed,
    row,
    states,
    write,
)

from ml.data.landing import partitions, read_source
from ml.data.loaders.santander.columns import FACTS, PRODUCTS
from ml.data.schema import TABLES
from ml.errors import BadInput
from ml.steps.landing import land as land_step

pytestmark = pytest.mark.usefixtures("home")


def test_what_changes_between_two_snapshots_is_added_or_dropped(tmp_path: Path) -> None:
    write(tmp_path, [row(JANUARY, 7, CURRENT, CARD), row(FEBRUARY, 7, CURRENT, PAYROLL)])
    land(tmp_path)
    assert events() == [
        ("2015-01", "7", "hold", CURRENT),
        ("2015-01", "7", "hold", CARD),
        ("2015-02", "7", "add", PAYROLL),
        ("2015-02", "7", "drop", CARD),
    ]


def test_an_event_is_named_after_its_customer_month_and_product(tmp_path: Path) -> None:
    write(tmp_path, [row(JANUARY, 7, CURRENT)])
    land(tmp_path)
    names = "event_id, session_id, occurred_at"
    assert landed("interactions", names) == [(f"7-2015-01-{CURRENT}", "7-2015-01", datetime(2015, 1, 28))]


def test_a_customer_who_comes_later_or_back_holds_what_they_have(tmp_path: Path) -> None:
    rows = [row(day, 1) for day in (JANUARY, FEBRUARY, MARCH)]
    write(tmp_path, [*rows, row(JANUARY, 2, CURRENT), row(MARCH, 2, CURRENT, CARD), row(FEBRUARY, 3, CARD)])
    land(tmp_path)
    assert events() == [
        ("2015-01", "2", "hold", CURRENT),
        ("2015-02", "3", "hold", CARD),
        ("2015-03", "2", "hold", CURRENT),
        ("2015-03", "2", "hold", CARD),
    ]
    gone_and_back = [(month, facts is not None) for month, user, facts in states() if user == "2"]
    assert gone_and_back == [("2015-01", True), ("2015-02", False), ("2015-03", True)]
    assert [(month, facts) for month, user, facts in states() if user == "3"][1] == ("2015-03", None)


def test_states_land_typed_and_only_where_something_changed(tmp_path: Path) -> None:
    later = {"antiguedad": "     30"}
    rows = [row(JANUARY, 7, CURRENT), row(FEBRUARY, 7, CURRENT, CARD, **later)]
    write(tmp_path, [*rows, row(MARCH, 7, age=" 36", antiguedad="     31", segmento="")])
    land(tmp_path)
    facts = {
        "employment": "N", "country": "ES", "sex": "V", "age": 35, "joined_on": "2012-08-10", "is_new": False,
        "member_since": "2012-08", "relation": "1", "relation_type": "1", "relation_status": "A", "is_resident": True,
        "is_born_abroad": False, "joined_through": "KHE", "is_deceased": False, "address_type": "1",
        "province_code": "15", "province": "CORUÑA, A", "is_active": True, "income": 87218.1,
        "segment": "02 - PARTICULARES",
    }  # fmt: skip
    without_segment = {name: fact for name, fact in facts.items() if name != "segment"}
    assert states() == [("2015-01", "7", facts), ("2015-03", "7", without_segment | {"age": 36})]


def test_the_catalogue_and_the_customers(tmp_path: Path) -> None:
    write(tmp_path, [row(JANUARY, 7, CURRENT), row(JANUARY, 8), row(FEBRUARY, 7, CURRENT)])
    land(tmp_path)
    assert landed("users", "user_id, attributes") == [("7", "{}"), ("8", "{}")]
    names = dict(landed("items", "item_id, name"))
    assert set(names) == set(PRODUCTS)
    assert names[CARD] == "Credit card"
    assert len(set(names.values())) == 24
    assert "price" in read_source("retail").absent
    assert not {"user_id", "attributes", "item_id"} & set(read_source("retail").absent)


def test_a_partition_a_month(tmp_path: Path) -> None:
    write(tmp_path, [row(JANUARY, 7, CURRENT), row(FEBRUARY, 7), row(MARCH, 7, CURRENT)])
    land(tmp_path)
    months = ["2015-01", "2015-02", "2015-03"]
    for table in ("interactions", "user_states"):
        assert [part.slice for part in partitions("retail", table)] == months
    assert [part.slice for part in partitions("retail", "users")] == ["customers"]


def test_landing_twice_changes_nothing_in_whichever_order_and_encoding(tmp_path: Path) -> None:
    rows = [row(day, customer, CURRENT) for day in (JANUARY, FEBRUARY) for customer in range(20)]
    write(tmp_path, rows)
    first = land(tmp_path)
    assert first["tables"]["interactions"] == {"rows": 20, "partitions": 2, "new": 2, "reused": 0}
    random.Random(7).shuffle(rows)
    write(tmp_path, rows, encoding="latin-1")
    again = land(tmp_path)
    assert all(table["new"] == 0 for table in again["tables"].values())
    assert again["tables"]["interactions"] == {"rows": 20, "partitions": 2, "new": 0, "reused": 2}
    assert land_step("retail", now=NOW)["tables"] == again["tables"]  # what landed last is found again


def test_a_grown_file_adds_its_new_month_only(tmp_path: Path) -> None:
    write(tmp_path, rows := [row(JANUARY, 7, CURRENT), row(FEBRUARY, 7)])
    land(tmp_path)
    write(tmp_path, [*rows, row(MARCH, 7, CARD)])
    summary = land(tmp_path)
    assert summary["tables"]["interactions"] == {"rows": 3, "partitions": 3, "new": 1, "reused": 2}
    assert summary["as_of"] == "2015-03-28T00:00:00Z"


def test_a_corrected_month_replaces_itself_and_what_was_told_from_it(tmp_path: Path) -> None:
    rows = [row(day, 7, CURRENT) for day in (JANUARY, FEBRUARY, MARCH, APRIL)]
    write(tmp_path, rows)
    land(tmp_path)
    rows[1] = row(FEBRUARY, 7, CURRENT, CARD)
    write(tmp_path, rows)
    assert land(tmp_path)["tables"]["interactions"] == {"rows": 3, "partitions": 4, "new": 2, "reused": 2}
    assert events()[1:] == [("2015-02", "7", "add", CARD), ("2015-03", "7", "drop", CARD)]


def test_the_test_month_brings_facts_but_no_events(tmp_path: Path) -> None:
    write(tmp_path, [row(JANUARY, 7, CURRENT)])
    columns = [column for column in COLUMNS if column not in PRODUCTS]
    write(tmp_path, [row(FEBRUARY, 7, age=" 36"), row(FEBRUARY, 8)], "test_ver2.csv", columns=columns)
    land(tmp_path)
    assert [month for month, *_ in events()] == ["2015-01"]
    assert [(month, user) for month, user, _ in states()] == [("2015-01", "7"), ("2015-02", "7"), ("2015-02", "8")]
    assert landed("users", "user_id") == ["7", "8"]


@pytest.mark.parametrize("index", ["", "Unnamed: 0"])
def test_an_excerpt_with_row_numbers_and_packed(tmp_path: Path, index: str) -> None:
    rows = [row(JANUARY, customer, CURRENT) | {index: str(customer)} for customer in range(3)]
    write(tmp_path, rows, "train_ver2.csv.gz", columns=[index, *COLUMNS])
    land(tmp_path)
    assert events() == [("2015-01", str(customer), "hold", CURRENT) for customer in range(3)]


def test_nothing_owned_at_all_is_refused_by_the_writer(tmp_path: Path) -> None:
    write(tmp_path, [row(JANUARY, 7)])
    with pytest.raises(BadInput, match="santander holds no interaction"):
        land(tmp_path)


FLAGS = list(PRODUCTS)
Portfolio = frozenset[int]
PORTFOLIOS = st.frozensets(st.integers(0, len(FLAGS) - 1), max_size=4)
HISTORIES = st.dictionaries(st.integers(1, 9), st.lists(st.none() | PORTFOLIOS, min_size=4, max_size=4), max_size=6)


def naive(histories: dict[int, list[Portfolio | None]]) -> set[tuple[str, str, str, str]]:
    """Every event, a customer and a month at a time."""
    found = set()
    for customer, history in histories.items():
        before: Portfolio | None = None
        for number, portfolio in enumerate(history, start=1):
            for flag in portfolio ^ (before or frozenset()) if portfolio is not None else ():
                kind = "hold" if before is None else "add" if flag in portfolio else "drop"
                found.add((f"2015-{number:02d}", str(customer), kind, FLAGS[flag]))
            before = portfolio
    return found


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(histories=HISTORIES, seed=st.integers(0, 99))
def test_events_are_what_a_naive_fold_finds(histories: dict[int, list[Portfolio | None]], seed: int) -> None:
    always = [row(day, 100, CURRENT) for day in (JANUARY, FEBRUARY, MARCH, APRIL)]
    rows: list[Row] = always + [
        row(day, customer, *(FLAGS[flag] for flag in portfolio))
        for customer, history in histories.items()
        for day, portfolio in zip((JANUARY, FEBRUARY, MARCH, APRIL), history, strict=True)
        if portfolio is not None
    ]
    random.Random(seed).shuffle(rows)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", folder)
        write(Path(folder), rows)
        land(Path(folder))
        found = events()
    assert len(found) == len(set(found))
    assert set(found) - {("2015-01", "100", "hold", CURRENT)} == naive(histories)


def test_every_fact_has_a_name_of_its_own() -> None:
    assert set(AS_WRITTEN) == set(NO_FACTS) == set(FACTS)
    assert len({fact.name for fact in FACTS.values()}) == len(FACTS) == 22
    assert "attributes" in TABLES["user_states"].columns
