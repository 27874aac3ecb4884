"""Bad data stops at the gate, with the rule and the rows in the message; what was there before stands."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import landed_shop as shop
import pytest

from ml.errors import RunFailed
from ml.steps.validating import validate_landing
from ml.validation.categories import accept_categories, known_categories

Kept = Callable[[], dict[str, str]]


def last_day(rows: shop.Rows) -> shop.Rows:
    return [row for row in rows if row["occurred_at"] >= shop.START + timedelta(days=shop.DAYS - 1)]


def null_key(tables: dict[str, shop.Rows]) -> None:
    tables["interactions"][7]["event_id"] = None


def nobody(tables: dict[str, shop.Rows]) -> None:
    tables["interactions"][1] |= {"user_id": None, "session_id": None}


def no_item(tables: dict[str, shop.Rows]) -> None:
    tables["interactions"][2]["item_id"] = None


def negative_price(tables: dict[str, shop.Rows]) -> None:
    tables["items"][1]["price"] = -0.01


def negative_value(tables: dict[str, shop.Rows]) -> None:
    tables["interactions"][3]["value"] = -3.0


def infinite_value(tables: dict[str, shop.Rows]) -> None:
    tables["interactions"][4]["value"] = float("inf")


def the_future(tables: dict[str, shop.Rows]) -> None:
    tables["interactions"][7]["occurred_at"] = datetime(2042, 1, 1)


def duplicated_event(tables: dict[str, shop.Rows]) -> None:
    tables["interactions"].append(tables["interactions"][7] | {"item_id": "soap"})


def unknown_type(tables: dict[str, shop.Rows]) -> None:
    tables["interactions"][5]["event_type"] = "teleport"


def no_units(tables: dict[str, shop.Rows]) -> None:
    tables["interactions"][6]["quantity"] = 0.0


def half_the_volume(tables: dict[str, shop.Rows]) -> None:
    lost = last_day(tables["interactions"])[::2]
    tables["interactions"] = [row for row in tables["interactions"] if row not in lost]


def duplicated_item(tables: dict[str, shop.Rows]) -> None:
    tables["items"].append(tables["items"][1] | {"price": 9.0})


def broken_attributes(tables: dict[str, shop.Rows]) -> None:
    tables["users"][1]["attributes"] = "age: 25"


def new_category(tables: dict[str, shop.Rows]) -> None:
    tables["items"][1]["category"] = "Schmuck"


# What is planted, the column and rule in the message, and words from the rows that it shows.
BAD = [
    (null_key, "interactions.event_id: event_id_is_present (1 row)", "event_id=null, user_id=d'Arcy"),
    (negative_price, "items.price: price_is_not_negative (1 row)", "item_id=クッキー, name=クッキー"),
    (the_future, "landed_at,occurred_at: occurred_at_is_not_in_the_future (1 row)", "occurred_at=2042-01-01"),
    (duplicated_event, "interactions.event_id: event_id_is_unique (2 rows)", "event_id=e0-7"),
    (new_category, "items.category: category_was_seen_before (1 row)", "category=Schmuck"),
    (half_the_volume, "interactions: volume_has_not_collapsed (1 row)", "events=30, events_the_day_before=60"),
]
MORE = [
    (nobody, "interactions: someone_did_it (1 row)", "event_id=e0-1, item_id=milk"),
    (no_item, "interactions.item_id: item_id_is_present (1 row)", "event_id=e0-2"),
    (negative_value, "interactions.value: value_is_not_negative (1 row)", "value=-3.0"),
    (infinite_value, "interactions: numbers_are_finite (1 row)", "value=inf"),
    (unknown_type, "interactions.event_type: event_type_is_declared (1 row)", "event_type=teleport"),
    (no_units, "interactions: purchase_has_units (1 row)", "quantity=0.0"),
    (duplicated_item, "items.item_id,partition: item_id_is_unique (2 rows)", "item_id=クッキー"),
    (broken_attributes, "users: attributes_are_an_object (1 row)", "user_id=Łukasz, attributes=age: 25"),
]


def refusal() -> str:
    with pytest.raises(RunFailed) as refused:
        validate_landing("retail", "2024-03-13")
    return str(refused.value)


@pytest.mark.parametrize(("spoil", "rule", "row"), BAD, ids=[spoil.__name__ for spoil, *_ in BAD])
def test_bad_data_stops_with_the_rule_and_the_rows(kept: Kept, spoil: shop.Spoil, rule: str, row: str) -> None:
    accept_categories("retail", set(shop.ITEMS.values()) - {None})
    tables = shop.clean()
    spoil(tables)
    shop.land(tables)
    before = kept()
    told = refusal()
    assert "1 rule is broken. Nothing was changed." in told
    assert rule in told
    assert row in told
    assert "Remedy: " in told
    assert kept() == before
    assert known_categories("retail") == {"Getränke", "bakery"}


def test_every_broken_rule_is_told_at_once(home: Path) -> None:
    tables = shop.clean()
    for spoil, *_ in MORE:
        spoil(tables)
    shop.land(tables)
    told = refusal()
    assert f"{len(MORE)} rules are broken" in told
    for _, rule, row in MORE:
        assert rule in told
        assert row in told
    assert known_categories("retail") == set()  # none was ever accepted


def test_clean_data_passes_and_leaves_a_report(home: Path, kept: Kept, capfd: pytest.CaptureFixture[str]) -> None:
    shop.land(shop.clean())
    before = kept()
    verdict = validate_landing("retail")
    assert verdict["warnings"] == []
    assert verdict["rules"] > 20
    (page,) = Path(verdict["report"]).parent.glob("validations/interactions/**/*.html")
    assert "volume_has_not_collapsed" in page.read_text(encoding="utf-8")
    assert kept() == before
    assert known_categories("retail") == {"Getränke", "bakery"}
    assert not [path for path in (home / "validation/retail").iterdir() if path.name != "known_categories.json"]
    assert capfd.readouterr().out == ""


def test_a_new_category_passes_once_it_is_accepted(home: Path) -> None:
    accept_categories("retail", ["bakery"])
    shop.land(shop.clean())
    assert "Getränke" in refusal()
    validate_landing("retail", accept_new_categories=True)
    assert known_categories("retail") == {"Getränke", "bakery"}


def test_a_warning_lets_the_data_through_and_shows_its_rows(home: Path) -> None:
    tables = shop.clean()
    tables["interactions"][3] |= {"item_id": "ghost", "value": 0.0}
    shop.land(tables)
    warnings = {warning["rule"]: warning for warning in validate_landing("retail")["warnings"]}
    assert set(warnings) == {"item_is_in_the_catalogue", "purchase_has_value"}
    assert warnings["item_is_in_the_catalogue"]["rows"][0]["item_id"] == "ghost"


def test_a_source_of_nothing_but_clicks_passes(home: Path) -> None:
    rows = [
        event | {"user_id": None, "value": None, "quantity": None, "event_type": "view"}
        for event in shop.clean()["interactions"]
    ]
    shop.land({"interactions": rows})
    assert validate_landing("retail")["warnings"] == []
    assert known_categories("retail") == set()


def test_a_later_catalogue_may_repeat_the_items_of_an_earlier_one(home: Path) -> None:
    shop.land(shop.clean(), "march")
    shop.land({"items": shop.clean()["items"], "interactions": [shop.clean()["interactions"][0]]}, "april")
    told = refusal()  # the event landed twice; the items did not
    assert "1 rule is broken" in told
    assert "event_id_is_unique (2 rows)" in told


def test_nothing_landed_is_said_so(home: Path) -> None:
    with pytest.raises(RunFailed, match="nothing has landed for retail"):
        validate_landing("retail")
