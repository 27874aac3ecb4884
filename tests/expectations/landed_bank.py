"""A tiny bank in perfect order, as its loader lands it, and the ways to spoil it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from ml.artifacts import file_digest
from ml.data.landing_writer import Part, open_landing
from ml.data.schema import TABLES, absent_columns
from ml.data.sql import literal
from ml.domains import Source

LANDED_AT = datetime(2016, 7, 1, tzinfo=UTC)
DAYS = tuple(datetime(2015, month, 28) for month in range(1, 7))
CUSTOMERS, CARD, LOAN = 300, "ind_tjcr_fin_ult1", "ind_pres_fin_ult1"
COLUMNS = {
    "interactions": ("event_id", "user_id", "session_id", "item_id", "event_type", "occurred_at", "channel"),
    "items": ("item_id", "name", "category", "attributes"),
    "users": ("user_id",),
    "user_states": ("user_id", "valid_from", "attributes"),
    "placements": (),
}
SOURCE = Source(name="little_bank", absent=absent_columns(COLUMNS))

Rows = list[dict[str, Any]]


def clean() -> dict[str, Rows]:
    """Everybody's state in every month; of every fifth the income is not known; every third has had a card."""
    states = [state(user, day) for user in range(CUSTOMERS) for day in DAYS]
    interactions = [
        event(user, CARD, kind, day)
        for user in range(0, CUSTOMERS, 3)
        for kind, day in (("hold", DAYS[0]), ("drop", DAYS[2]), ("add", DAYS[4]))
    ]
    interactions.append(event(1, LOAN, "contact", datetime(2015, 2, 3), channel="email"))
    # Before anything was known, and through a channel that nobody was asked about.
    interactions.append(event(2, LOAN, "contact", datetime(2015, 1, 3), channel="phone"))
    interactions.append(event(2, LOAN, "contact", datetime(2015, 2, 3), channel="app"))
    items = [
        {"item_id": name, "name": name, "category": "credit", "attributes": '{"risk_level": 3, "minimum_age": 18}'}
        for name in (CARD, LOAN)
    ]
    return {"interactions": interactions, "items": items, "user_states": states}


def state(user: int, day: datetime, **changed: object) -> dict[str, Any]:
    """One state; a fact that is changed to None is left out."""
    facts = {
        "age": 3 + user % 90, "income": 20_000.0 if user % 5 else None, "risk_tolerance": 1 + user % 5,
        "arrears_months": 0, "consent_email": True, "consent_phone": False,
    }  # fmt: skip
    known = {name: value for name, value in (facts | changed).items() if value is not None}
    return {"user_id": f"c{user:03d}", "valid_from": day, "attributes": json.dumps(known)}


def event(user: int, item: str, kind: str, at: datetime, channel: str | None = None) -> dict[str, Any]:
    name = f"c{user:03d}"
    return {
        "event_id": f"{name}-{item}-{kind}-{at:%Y%m%d}", "user_id": name, "session_id": None, "item_id": item,
        "event_type": kind, "occurred_at": at, "channel": channel,
    }  # fmt: skip


def land(tables: Mapping[str, Rows]) -> None:
    """Land rows as one partition a table."""
    with TemporaryDirectory() as folder, open_landing("banking", SOURCE.name, LANDED_AT) as writer:
        for table, rows in tables.items():
            path = Path(folder) / f"{table}.parquet"
            times = {column: "datetime64[us]" for column in ("occurred_at", "valid_from") if column in COLUMNS[table]}
            pd.DataFrame(rows, columns=list(COLUMNS[table])).astype(times).to_parquet(path)
            assert set(COLUMNS[table]) <= set(TABLES[table].columns)
            writer.stage(Part(table, "export", {"rows": file_digest(path)}), f"FROM read_parquet({literal(path)})")
        writer.commit(SOURCE)
