"""A tiny shop in perfect order, and the ways to spoil what it lands."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from ml.artifacts import file_digest
from ml.data.landing_writer import Part, open_landing
from ml.data.schema import absent_columns
from ml.data.sql import literal
from ml.domains import Protocol, Source

START = datetime(2024, 3, 4, 5)  # a Monday, 05:00 UTC: the day's first instant at the shop
DAYS = 9
EVENTS_A_DAY = 60
LANDED_AT = datetime(2024, 4, 1, tzinfo=UTC)
USERS = ("anna", "Łukasz", "李雷", "d'Arcy")
ITEMS = {"milk": "Getränke", "クッキー": "bakery", "tea'n'toast": "Getränke", "soap": None}
SUPPLIED = {
    "interactions": ("event_id", "user_id", "session_id", "item_id", "event_type", "occurred_at", "value", "quantity"),
    "items": ("item_id", "name", "category", "price"),
    "users": ("user_id", "attributes"),
    "placements": (),
}
PROTOCOL = Protocol(day_starts_at_hour=5, ranker_cadences=1, validation_cadences=1, test_cadences=1)
SOURCE = Source(name="small_shop", absent=absent_columns(SUPPLIED), protocol=PROTOCOL)

Rows = list[dict[str, Any]]
Spoil = Callable[[dict[str, Rows]], None]


def clean() -> dict[str, Rows]:
    """Everything that the shop lands, by table."""
    return {
        "interactions": [_event(day, number) for day in range(DAYS) for number in range(EVENTS_A_DAY)],
        "items": [
            {"item_id": item, "name": item.title(), "category": category, "price": 1.5}
            for item, category in ITEMS.items()
        ],
        "users": [{"user_id": user, "attributes": '{"age": "25-34"}'} for user in USERS],
    }


def _event(day: int, number: int) -> dict[str, Any]:
    user = USERS[number % len(USERS)]
    return {
        "event_id": f"e{day}-{number}",
        "user_id": user,
        "session_id": f"{user}/{day}",
        "item_id": list(ITEMS)[number // 2 % len(ITEMS)],
        "event_type": "purchase",
        "occurred_at": START + timedelta(days=day, minutes=number),
        "value": 2.5,
        "quantity": 1.0,
    }


def land(tables: Mapping[str, Iterable[Mapping[str, Any]]], slice_name: str = "export") -> None:
    """Land rows as one partition a table; a new slice lands beside those before it."""
    with TemporaryDirectory() as folder, open_landing("retail", SOURCE.name, LANDED_AT) as writer:
        for table, rows in tables.items():
            path = Path(folder) / f"{table}.parquet"
            pd.DataFrame(list(rows), columns=list(SUPPLIED[table])).to_parquet(path)
            writer.stage(Part(table, slice_name, {"rows": file_digest(path)}), f"FROM read_parquet({literal(path)})")
        writer.commit(SOURCE)
