"""A warehouse as dbt would leave it, made by hand: its tables have the columns that the marts' contracts declare."""

from datetime import timedelta

import duckdb
import landed_shop as shop
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
EVENTS = """
    select interaction.*, item.category, true as known_user, false as promoted,
        row_number() over (partition by session_id order by occurred_at) as session_position
    from read_parquet({interactions}) as interaction
    left join read_parquet({items}) as item using (item_id)
    where occurred_at < {as_of}::timestamp
"""
SESSIONS = """
    select session_id, any_value(user_id) as user_id, min(occurred_at) as started_at, max(occurred_at) as ended_at,
        count(*) as event_count
    from events group by session_id
"""
FEATURES = """
    select {keys}, as_of, count(*) as purchases, min(date_diff('hour', occurred_at, as_of)) / 24 as recency_days
    from events, (select unnest({moments}::timestamp[]) as as_of)
    where occurred_at < as_of and {first_key} is not null
    group by {keys}, as_of
"""
KEYS = {
    "user_features": "user_id",
    "item_features": "item_id",
    "user_item_features": "user_id, item_id",
    "user_category_features": "category, user_id",
}


def mart_columns() -> dict[str, dict[str, str]]:
    """The type of each column, by mart, as the contracts of the dbt project declare them."""
    files = [settings().dbt_project / "models" / "marts" / f"_marts__{part}.yml" for part in ("core", "features")]
    models = [model for file in files for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]]
    return {model["name"]: {column["name"]: column["data_type"] for column in model["columns"]} for model in models}


def create_marts(connection: duckdb.DuckDBPyConnection) -> None:
    """Every mart, empty."""
    for mart, columns in mart_columns().items():
        described = ", ".join(f"{identifier(name)} {kind}" for name, kind in columns.items())
        connection.execute(f"create table {mart} ({described})")


def build(*spoiling: str) -> None:
    """The marts of what has landed, then spoilt by these statements."""
    path = settings().warehouse("retail")
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        create_marts(connection)
        for mart, query in _queries().items():
            connection.execute(f"insert into {mart} by name {query}")
        for statement in spoiling:
            connection.execute(statement)


def _queries() -> dict[str, str]:
    landed = {table: literal(table_glob("retail", table)) for table in ("interactions", "items", "users")}
    moments = [str(moment) for moment in MOMENTS]
    return {
        "events": EVENTS.format(interactions=landed["interactions"], items=landed["items"], as_of=literal(AS_OF)),
        "items": f"select item_id, name, category, price from read_parquet({landed['items']})",
        "users": f"select user_id, attributes from read_parquet({landed['users']})",
        "sessions": SESSIONS,
    } | {mart: FEATURES.format(keys=keys, first_key=keys.split(",")[0], moments=moments) for mart, keys in KEYS.items()}
