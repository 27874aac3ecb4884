"""The demo's own data: readable names, and the real files in full."""

import doctest
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ml.data.landing import data_end, partitions, row_counts, table_glob
from ml.data.loaders import get_loader, product_names
from ml.data.loaders.product_names import readable_name
from ml.domains import DOMAINS
from ml.errors import BadInput
from ml.steps.landing import land


@pytest.mark.parametrize(
    ("product_type", "category", "size", "expected"),
    [
        (
            "SFT DRNK SNGL SRV BTL CARB (EX",
            "SOFT DRINKS",
            "20 OZ",
            "Soft drinks single serve bottles carbonated, 20 oz",
        ),
        ("FRZN SS PREMIUM ENTREES/DNRS/N", "FROZEN", None, "Frozen single-serve premium entrees/dinners"),
        ("BREAD:ITALIAN/FRENCH", "BREAD", None, "Bread: italian/french"),
        ("PREMIUM", "ICE CREAM", None, "Ice cream: premium"),
        (None, "COUPON", None, "Coupon"),
        (None, None, "1 CT", None),
    ],
)
def test_names_are_readable(product_type: str, category: str, size: str, expected: str) -> None:
    assert readable_name(product_type, category, size, "National") == expected


def test_the_examples_in_the_docstrings() -> None:
    assert doctest.testmod(product_names).failed == 0


def test_a_loader_that_a_domain_declares_exists() -> None:
    named = [domain.loader for domain in DOMAINS.values() if domain.loader]
    assert "complete_journey" in named
    assert all(get_loader(name) for name in named)
    with pytest.raises(BadInput, match="complete_journey"):
        get_loader("nothing")


def one(query: str) -> Any:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchone()


@pytest.mark.slow
def test_the_whole_of_complete_journey(home: Path) -> None:
    summary = land("retail")
    assert row_counts("retail") == {
        "interactions": 1_469_307,
        "items": 92_331 + 17,  # the catalogue, and what was sold without being in it
        "users": 2_469,
        "placements": 20_927_744,  # 20,940,529 without what stands in two spots at once
        "user_states": 0,
        "impressions": 0,
    }
    assert data_end("retail") == datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)
    assert len(partitions("retail", "interactions")) == 12
    events, items, users, placements, *_ = (
        f"read_parquet('{table_glob('retail', name)}')" for name in summary["tables"]
    )
    assert one(f"SELECT count(DISTINCT event_id), count(DISTINCT session_id) FROM {events}") == (1_469_307, 155_848)
    assert one(f"SELECT count(*) FROM {events} WHERE event_type = 'adjustment'") == (8_869,)
    assert one(f"SELECT count(*) FROM {items} WHERE name IS NULL OR upper(name) = name") == (0,)
    assert one(f"SELECT count(*) FROM {items} WHERE name = 'Product ' || item_id AND category IS NULL") == (17,)
    assert one(f"SELECT count(*) FROM {users} WHERE attributes <> '{{}}'") == (801,)
    (attributes,) = one(f"SELECT attributes FROM {users} WHERE user_id = '1003'")
    assert json.loads(attributes).get("home_ownership", "absent") == "absent"
    week = "valid_to - valid_from = INTERVAL 7 DAY AND dayofweek(valid_from) = 1 AND hour(valid_from) = 5"
    assert one(f"SELECT bool_and({week}), min(valid_from), max(valid_to) FROM {placements}") == (
        True,
        datetime(2016, 12, 26, 5),
        datetime(2018, 1, 1, 5),
    )
    assert all(table["new"] == 0 for table in land("retail")["tables"].values())
