"""A warehouse as dbt would leave it, made by hand: its tables have the columns that the marts' contracts declare."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import shop
import yaml

from ml.data.landing import table_glob
from ml.data.sql import identifier, literal
from ml.settings import settings

AS_OF = shop.START + timedelta(days=shop.DAYS)
MOMENTS = (AS_OF - timedelta(days=7), AS_OF)
PLAN = {
    "domain": "retail",
    "as_of": f"{AS_OF.isoformat()}Z",
    "snapshots": [f"{moment.isoformat()}Z" for moment in MOMENTS],
}


def mart_columns() -> dict[str, dict[str, str]]:
    """The type of each column, by mart, as the contracts of the dbt project declare them."""
    files = sorted((settings().dbt_project / "models" / "marts").glob("_marts__*.yml"))
    models = [model for file in files for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]]
    return {model["name"]: {column["name"]: column["data_type"] for column in model["columns"]} for model in models}


def create_marts(connection: duckdb.DuckDBPyConnection) -> None:
    """Every mart, empty."""
    for mart, columns in mart_columns().items():
        described = ", ".join(f"{identifier(name)} {kind}" for name, kind in columns.items())
        connection.execute(f"create table {mart} ({described})")


def build(*spoiling: str) -> None:
    """Marts of what has landed, then spoilt by these statements."""
    path = settings().warehouse("retail")
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        create_marts(connection)
        for mart, query in _queries().items():
            connection.execute(f"insert into {mart} by name {query}", {"as_of": AS_OF} if "$as_of" in query else None)
        for statement in spoiling:
            connection.execute(statement)


def _queries() -> Mapping[str, str]:
    landed = {table: f"read_parquet({literal(table_glob('retail', table))})" for table in ("interactions", "items", "users")}
    event_log = "select *, 1 as days from events, (values {}) as moment (as_of) where occurred_at < as_of".format(
        ", ".join(f"({literal(moment)}::timestamp)" for moment in MOMENTS)
    )
    return {
        "events": f"select *, true as known_user, false as promoted, row_number() over (partition by session_id "
        f"order by occurred_at) as session_position from {landed['interactions']} where occurred_at < $as_of",
        "sessions": "select session_id, any_value(user_id) as user_id, min(occurred_at) as started_at, "
        "max(occurred_at) as ended_at, count(*) as event_count from events group by session_id",
        "items": f"select item_id, name, category, price from {landed['items']}",
        "users": f"select user_id, attributes from {landed['users']}",
        "user_features": _features(event_log, ["user_id"]),
        "item_features": _features(event_log, ["item_id"]),
        "user_item_features": _features(event_log, ["user_id", "item_id"]),
        "user_category_features": _features(f"select * from ({event_log}) join items using (item_id)", ["user_id", "category"]),
        "item_placements": "select 'milk' as item_id, 'north' as place_id, $as_of::timestamp as as_of, true as on_display",
    }
