"""A shop small enough to reason about: awkward on purpose (ties, unicode, late events, missing values)."""

import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from ml.data.landing_writer import Part, open_landing
from ml.data.schema import TABLES, absent_columns
from ml.data.sql import literal
from ml.domains import Protocol, Source

Row = Mapping[str, Any]
DAY = timedelta(days=1)
START = datetime(2024, 1, 1, 5)  # a Monday, 05:00 UTC: the day's first instant at the shop
AS_OF = "2024-04-08"  # 14 weeks on: longer than the longest window
PROTOCOL = Protocol(day_starts_at_hour=5, ranker_cadences=1, validation_cadences=1, test_cadences=1)
USERS = ("anna", "Łukasz", "李雷", "d'Arcy", "e")
ITEMS = ("milk", "Brötchen", "クッキー", "tea'n'toast", "soap", "ghost")  # the last is in no catalogue
PLACES = ("north", "süd")
SUPPLIED = {
    "interactions": ("event_id", "user_id", "session_id", "item_id", "event_type", "occurred_at", "value", "quantity",
                     "seconds", "discount", "place_id"),
    "items": ("item_id", "name", "department", "category", "brand"),
    "users": ("user_id", "attributes"),
    "placements": ("item_id", "place_id", "valid_from", "valid_to", "on_display", "in_mailer"),
}  # fmt: skip
SOURCE = Source(name="small_shop", absent=absent_columns(SUPPLIED), protocol=PROTOCOL)


def event(number: int, at: datetime, user: str | None, item: str, **more: Any) -> dict[str, Any]:
    """One purchase; `more` overrides any column."""
    return {
        "event_id": f"e{number:05d}", "user_id": user, "session_id": f"{user}@{at:%Y%m%d}", "item_id": item,
        "event_type": "purchase", "occurred_at": at, "value": 2.5, "quantity": 1.0, "discount": 0.0,
        "place_id": PLACES[0], **more,
    }  # fmt: skip


def events(seed: int = 11, count: int = 400) -> list[dict[str, Any]]:
    """Purchases, views and corrections over 14 weeks, in no order, some at the very same instant."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        at = START + timedelta(hours=draw.randrange(14 * 7 * 24))  # whole hours: instants coincide
        user, item = draw.choice(USERS), draw.choice(ITEMS)
        kind = draw.choices(("purchase", "view", "add_to_basket", "adjustment"), (6, 3, 1, 1))[0]
        found.append(
            event(
                number, at, user, item, event_type=kind,
                value=None if draw.random() < 0.05 else round(draw.uniform(0.5, 9), 2),
                quantity=float(draw.randint(1, 3)), discount=draw.choice((0.0, 0.0, 0.5)),
                place_id=draw.choice((*PLACES, None)),
            )
        )  # fmt: skip
    return found + [rarer(number, draw) for number in range(count, count + 80)]


def rarer(number: int, draw: random.Random) -> dict[str, Any]:
    """One event of a kind that shops seldom land, or a view whose length is known."""
    kinds = ("view", "contact", "calculate", "start_application", "apply", "refuse", "drop")
    at = START + timedelta(hours=draw.randrange(14 * 7 * 24))
    seconds = None if draw.random() < 0.1 else draw.uniform(1, 300)
    return event(number, at, draw.choice(USERS), draw.choice(ITEMS), event_type=draw.choice(kinds), seconds=seconds)


def catalogue() -> list[dict[str, Any]]:
    """Every item but the ghost; soap has no category."""
    return [
        {
            "item_id": item, "name": item.title(), "department": "shop",
            "category": None if item == "soap" else ("drinks" if item in ("milk", "tea'n'toast") else "bakery"),
            "brand": "Private" if item in ("milk", "soap") else "Brand A",
        }
        for item in ITEMS[:-1]
    ]  # fmt: skip


def placements() -> list[dict[str, Any]]:
    """Weekly: each item in some place on display or in the mailer."""
    draw = random.Random(5)
    return [
        {
            "item_id": item, "place_id": place, "valid_from": START + week * 7 * DAY,
            "valid_to": START + (week + 1) * 7 * DAY, "on_display": draw.random() < 0.5,
            "in_mailer": draw.random() < 0.3,
        }
        for week in range(16)
        for item in ITEMS
        for place in PLACES
        if draw.random() < 0.6
    ]  # fmt: skip


def users() -> list[dict[str, Any]]:
    """One user with a known attribute, one who never came."""
    return [{"user_id": "anna", "attributes": '{"age": "25-34"}'}, {"user_id": "absent", "attributes": "{}"}]


def land(slice_name: str, source: Source = SOURCE, **tables: Iterable[Row]) -> None:
    """Land rows as one partition a table."""
    with open_landing("retail", source.name, datetime.now(UTC)) as writer, TemporaryDirectory() as folder:
        for table, rows in tables.items():
            frame, path = pd.DataFrame(list(rows)), Path(folder) / f"{table}.parquet"
            frame.to_parquet(path)
            columns = ", ".join(column for column in frame.columns if column in TABLES[table].columns)
            part = Part(table, slice_name, {"rows": frame.to_csv(index=False)})
            writer.stage(part, f"SELECT {columns} FROM read_parquet({literal(path)})")
        writer.commit(source)


def land_all(source: Source = SOURCE) -> None:
    """The whole shop as one landing."""
    land("first", source, interactions=events(), items=catalogue(), users=users(), placements=placements())
