"""The DuckDB file of a domain, between dbt runs: whether it is whole, what it holds, and its marts as Parquet."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ml.data.sql import literal
from ml.errors import RunFailed
from ml.logs import get_logger
from ml.settings import settings

log = get_logger(__name__)

# What is published, and the order in which its rows are written: readers filter by the first columns.
MARTS = {
    "events": ("user_id", "occurred_at", "event_id"),
    "sessions": ("user_id", "started_at", "session_id"),
    "items": ("item_id",),
    "users": ("user_id",),
    "user_states": ("user_id", "valid_from"),
    "user_features": ("as_of", "user_id"),
    "item_features": ("as_of", "item_id"),
    "user_item_features": ("as_of", "user_id", "item_id"),
    "user_category_features": ("as_of", "user_id", "category"),
    "item_placements": ("as_of", "place_id", "item_id"),
    "impressions": ("shown_at", "slate_id", "position"),
}


@contextmanager
def open_warehouse(domain: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of a domain; raises `RunFailed` while another process has it."""
    known = settings()
    path = known.warehouse(domain)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(str(path))
    except duckdb.IOException as error:
        if "lock" not in str(error).lower():
            raise
        raise RunFailed(f"{path} is in use by another process; one run at a time writes a domain. {error}") from None
    try:
        connection.execute(f"SET threads = {known.threads}")
        connection.execute(f"SET memory_limit = {literal(known.memory_limit)}")
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def repair_warehouse(domain: str) -> None:
    """Remove a warehouse that DuckDB cannot open: everything in it can be made again from the landing zone."""
    try:
        with open_warehouse(domain):
            return
    except duckdb.Error as error:
        path = settings().warehouse(domain)
        log.warning("%s cannot be opened (%s): it is made again from the landing zone", path, error)
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}.wal").unlink(missing_ok=True)


def snapshots_in(domain: str, table: str) -> list[tuple[str, str, str, str]]:
    """The (as_of, fingerprint, definitions, plan) rows of `int_snapshots` or `completed_snapshots`."""
    if not settings().warehouse(domain).exists():
        return []
    with open_warehouse(domain) as connection:
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if table not in tables:
            return []
        rows: list[tuple[str, str, str, str]] = connection.execute(
            f"SELECT CAST(as_of AS VARCHAR), fingerprint, definitions, plan FROM {table} ORDER BY as_of"
        ).fetchall()
        return rows


def completed(domain: str) -> list[tuple[str, str, str, str]]:
    """The snapshots whose marts are whole; none while a later build is unfinished.

    `int_snapshots` is the first table of a build and `completed_snapshots` the last: they differ in between.
    """
    done = snapshots_in(domain, "completed_snapshots")
    return done if done == snapshots_in(domain, "int_snapshots") else []


def event_types(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The types of event that have happened."""
    return [kind for (kind,) in connection.execute("SELECT DISTINCT event_type FROM events ORDER BY 1").fetchall()]


def export(connection: duckdb.DuckDBPyConnection, folder: Path, marts: Sequence[str] = tuple(MARTS)) -> dict[str, int]:
    """Write marts as Parquet files into a folder and return how many rows each has."""
    counts = {}
    for mart in marts:
        log.info("publishing %s", mart)
        rows = connection.execute(
            f"COPY (SELECT COLUMNS(lambda name: name <> 'fingerprint') FROM {mart} ORDER BY {', '.join(MARTS[mart])}) "
            f"TO {literal(folder / f'{mart}.parquet')} (FORMAT parquet, COMPRESSION zstd)"
        ).fetchone()
        counts[mart] = int(rows[0])
    return counts
