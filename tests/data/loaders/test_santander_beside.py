"""What lies beside Santander's snapshots as items, states and interactions."""

from datetime import datetime
from pathlib import Path

import pytest
from small_snapshots import CARD, COLUMNS, CURRENT, FEBRUARY, JANUARY, MARCH, land, landed, row, states, write
from small_supplements import application, contact, finances, products, view, visit, write_beside

from ml.data.generators.santander.catalogue import PRODUCTS as GENERATED
from ml.data.landing import partitions, read_source
from ml.data.loaders.santander.columns import PRODUCTS

pytestmark = pytest.mark.usefixtures("home")
TWO_MONTHS = [row(day, customer, CURRENT) for day in (JANUARY, FEBRUARY) for customer in (7, 8)]


def behaviour(columns: str = "event_type, user_id, item_id") -> list[tuple[object, ...]]:
    """What landed that no snapshot told."""
    names = columns.split(", ")
    rows = landed("interactions", f"{columns}, event_type")
    return [found[: len(names)] for found in rows if found[-1] not in ("add", "drop", "hold")]


def test_the_catalogue_lands_in_columns_and_attributes(tmp_path: Path) -> None:
    write(tmp_path, TWO_MONTHS)
    write_beside(tmp_path, products=products(category="credit", margin=0.05, risk_level=2, fee=30, terms=None))
    land(tmp_path)
    columns = "item_id, name, category, margin, launched_at, attributes::JSON->>'fee', attributes::JSON->>'terms'"
    cards = [found for found in landed("items", columns) if found[0] == CARD]
    assert cards == [(CARD, f"the {CARD}", "credit", 0.05, datetime(2005, 1, 1), "30", None)]
    assert not {"margin", "launched_at", "attributes"} & set(read_source("retail").absent)
    assert {"seconds", "channel"} <= set(read_source("retail").absent)


def test_the_same_catalogue_is_no_new_version(tmp_path: Path) -> None:
    write(tmp_path, TWO_MONTHS)
    write_beside(tmp_path, products=products())
    land(tmp_path)
    write_beside(tmp_path, products=products()[::-1])  # other bytes, the same rows
    assert land(tmp_path)["tables"]["items"] == {"rows": 24, "partitions": 1, "new": 0, "reused": 1}
    write_beside(tmp_path, products=products(fee=31))
    assert land(tmp_path)["tables"]["items"] == {"rows": 48, "partitions": 2, "new": 1, "reused": 0}


def test_categories_are_the_same_with_and_without_the_catalogue() -> None:
    assert {flag: product.category for flag, product in PRODUCTS.items()} == {
        product.flag: product.category for product in GENERATED
    }


def test_finances_and_counts_are_facts_of_their_month(tmp_path: Path) -> None:
    write(tmp_path, TWO_MONTHS)
    write_beside(
        tmp_path,
        finances=[finances(7, JANUARY), finances(7, FEBRUARY, arrears_months=2, income=None), finances(8, JANUARY)],
        branch_visits=[visit(7, "2015-01-28T23:59:59"), visit(7, "2015-01-29"), visit(7, "2015-02-28T10:00")],
        site_sessions=[view(8, "2015-01-03"), view(8, "2015-01-03", 1), view(8, "2015-01-04"), view(7, "2015-02-03")],
    )
    land(tmp_path)
    known = {(month, user): facts for month, user, facts in states() if facts}
    january, february = known["2015-01", "7"], known["2015-02", "7"]
    assert (january["income"], january["assessed_income"], january["arrears_months"]) == (87218.1, 31000.5, 0)
    assert (january["consent_email"], january["consent_phone"], january["vulnerable"]) == (True, False, False)
    assert (january["branch_visits"], january["site_sessions"]) == (1, 0)
    assert (february["branch_visits"], february["site_sessions"], february["arrears_months"]) == (2, 1, 2)
    assert "assessed_income" not in february  # not known any more
    assert known["2015-01", "8"]["site_sessions"] == 2
    assert "behaviour_score" not in known["2015-02", "8"]


def test_facts_that_stay_are_no_new_state(tmp_path: Path) -> None:
    later = [each | {"antiguedad": "     30"} for each in TWO_MONTHS[2:]]
    write(tmp_path, [*TWO_MONTHS[:2], *later])
    write_beside(tmp_path, finances=[finances(each, day) for each in (7, 8) for day in (JANUARY, FEBRUARY)])
    land(tmp_path)
    assert [month for month, _, _ in states()] == ["2015-01", "2015-01"]


def test_a_file_tells_nothing_of_months_before_and_after_it(tmp_path: Path) -> None:
    write(tmp_path, [*TWO_MONTHS, row(MARCH, 7), row(MARCH, 8)])
    write_beside(tmp_path, branch_visits=[visit(7, "2015-02-03")])
    land(tmp_path)
    counts = [(month, user, facts.get("branch_visits", "unknown")) for month, user, facts in states() if facts]
    assert counts == [
        ("2015-01", "7", "unknown"),
        ("2015-01", "8", "unknown"),
        ("2015-02", "7", 1),
        ("2015-02", "8", 0),
        ("2015-03", "7", "unknown"),
        ("2015-03", "8", "unknown"),
    ]


def test_pages_of_products_are_viewed_calculated_and_applied_from(tmp_path: Path) -> None:
    write(tmp_path, TWO_MONTHS)
    start, session = "2015-02-03T10:00:00", "7@2015-02-03T10:00:00"
    views = [
        view(7, start, 0, "/home", seconds=2.5),
        view(7, start, 2, "/products/nom_pens", seconds=30.0, link="apply"),
        view(7, start, 1, "/products/tjcr", seconds=4.0, calculator=True),
        view(7, start, 3, "/offers"),
    ]
    write_beside(tmp_path, site_sessions=views)
    land(tmp_path)
    assert behaviour("occurred_at, session_id, event_type, item_id, seconds") == [
        (datetime(2015, 2, 3, 10, 0, 2, 500000), session, "view", CARD, 4.0),
        (datetime(2015, 2, 3, 10, 0, 2, 500001), session, "calculate", CARD, None),
        (datetime(2015, 2, 3, 10, 0, 6, 500000), session, "view", "ind_nom_pens_ult1", 30.0),
        (datetime(2015, 2, 3, 10, 0, 6, 500002), session, "start_application", "ind_nom_pens_ult1", None),
    ]
    assert len({name for (name,) in behaviour("event_id")}) == 4


def test_contacts_and_applications(tmp_path: Path) -> None:
    write(tmp_path, TWO_MONTHS)
    write_beside(
        tmp_path,
        contacts=[contact(7, "2015-02-01T09:00", CARD, "phone")],
        applications=[application(7, "2015-02-02"), application(8, "2015-02-03", "refused")],
    )
    land(tmp_path)
    assert behaviour("occurred_at, user_id, event_type, item_id, channel") == [
        (datetime(2015, 2, 1, 9), "7", "contact", CARD, "phone"),
        (datetime(2015, 2, 2), "7", "apply", CARD, None),
        (datetime(2015, 2, 2, 0, 0, 0, 1), "7", "approve", CARD, None),
        (datetime(2015, 2, 3), "8", "apply", CARD, None),
        (datetime(2015, 2, 3, 0, 0, 0, 1), "8", "refuse", CARD, None),
    ]


def test_a_partition_holds_what_happened_in_its_month(tmp_path: Path) -> None:
    write(tmp_path, TWO_MONTHS)
    midnight = "2015-01-28T23:59:55"
    write_beside(
        tmp_path,
        contacts=[contact(7, day) for day in ("2014-12-28", "2014-12-29", "2015-01-28T23:59", "2015-03-01")],
        site_sessions=[view(7, midnight, position) for position in range(2)],
    )
    land(tmp_path)
    slices = {part.slice: (part.min_occurred_at, part.max_occurred_at) for part in partitions("retail", "interactions")}
    found = {name: tuple(f"{moment:%m-%d}" for moment in moments) for name, moments in slices.items() if " " in name}
    assert found == {
        "2015-01 contacts": ("12-29", "01-28"),
        "2015-01 site_sessions": ("01-28", "01-28"),
        "2015-02 site_sessions": ("01-29", "01-29"),
    }


def test_of_the_test_month_only_facts_land(tmp_path: Path) -> None:
    write(tmp_path, TWO_MONTHS)
    columns = [column for column in COLUMNS if column not in PRODUCTS]
    write(tmp_path, [row(MARCH, 7)], "test_ver2.csv", columns=columns)
    write_beside(tmp_path, contacts=[contact(7, "2015-03-03")], site_sessions=[view(7, "2015-02-28T23:59:59", 0)])
    land(tmp_path)
    assert {part.slice[:7] for part in partitions("retail", "interactions")} == {"2015-01", "2015-02"}
    assert ("2015-03", "8", None) in states()


def test_another_month_lands_alone(tmp_path: Path) -> None:
    write(tmp_path, TWO_MONTHS)
    contacts = [contact(7, "2015-01-03"), contact(8, "2015-02-03")]
    write_beside(tmp_path, contacts=contacts)
    land(tmp_path)
    write(tmp_path, [*TWO_MONTHS, row(MARCH, 7), row(MARCH, 8)])
    write_beside(tmp_path, contacts=[contact(8, "2015-03-03"), *contacts])
    tables = land(tmp_path)["tables"]
    assert tables["interactions"]["new"] == tables["user_states"]["new"] + 1 == 2
    assert {part.slice for part in partitions("retail", "interactions")} == {
        "2015-01", "2015-01 contacts", "2015-02", "2015-02 contacts", "2015-03", "2015-03 contacts",
    }  # fmt: skip
