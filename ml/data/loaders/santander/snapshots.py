"""The snapshots as scratch files, one a month, and as queries: each month against the one before.

A scratch file is typed, with a customer's portfolio as one number whose bits are the products (`columns.BITS`).
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from ml.data.loaders.santander.columns import BITS, CUSTOMER, FACTS, SNAPSHOT
from ml.data.loaders.santander.files import SnapshotFile
from ml.data.loaders.santander.reading import reading
from ml.data.loaders.santander.survey import Month
from ml.data.sql import identifier, literal

ROWS_HELD = 32_768  # of each month, before they are written to its scratch file


def write_scratch(
    connection: duckdb.DuckDBPyConnection, folder: Path, file: SnapshotFile, months: Sequence[Month]
) -> None:
    """Write each month of a file below a folder, from where `rows` reads them."""
    provinces = {wrong: right for month in months for wrong, right in month.provinces.items()}
    typed = {column: reading(column, file.latin, provinces).typed for column in file.columns}
    facts = ", ".join(f"{typed[column]} AS {identifier(fact.name)}" for column, fact in FACTS.items())
    owned = " + ".join(f"({typed[flag]}::INTEGER << {bit})" for flag, bit in BITS.items()) if file.has_products else 0
    # Seniority grows by a month every month; the month that it counts from does not change.
    since = "strftime(day - to_months(member_since), '%Y-%m')"
    query = f"""
        SELECT * REPLACE ({since} AS member_since), strftime(day, '%Y-%m') AS month
        FROM (
            SELECT {typed[CUSTOMER]} AS customer, {typed[SNAPSHOT]} AS day, {owned} AS owned, {facts}
            FROM {file.raw.scan} AS raw
        )
    """
    connection.execute(f"SET partitioned_write_flush_threshold = {ROWS_HELD}")
    connection.execute(
        f"COPY ({query}) TO {literal(folder)} (FORMAT parquet, PARTITION_BY (month), OVERWRITE_OR_IGNORE)"
    )


def rows(folder: Path, month: Month) -> str:
    """SQL of a month's customers: `customer`, `owned` and the facts."""
    files = literal(folder / f"month={month.name}" / "*.parquet")
    return f"SELECT * FROM read_parquet({files}, hive_partitioning = false)"


def customers(folder: Path) -> str:
    """SQL of whoever was ever in a snapshot; what is known about them changes, and lands as states."""
    files = literal(folder / "*" / "*.parquet")
    return f"SELECT DISTINCT customer::VARCHAR AS user_id, '{{}}' AS attributes FROM read_parquet({files})"


def interactions(month: Month, now: str, then: str | None) -> str:
    """What changed in each portfolio; a customer who was not in the month before holds what they have.

    Args:
        now: SQL of the month's rows.
        then: SQL of those of the month before, if there is one.
    """
    bits = ", ".join(f"({literal(flag)}, {bit})" for flag, bit in BITS.items())
    return f"""
        SELECT
            session_id || '-' || item_id AS event_id,
            user_id,
            session_id,
            item_id,
            CASE WHEN is_new THEN 'hold' WHEN (owned >> bit) & 1 = 1 THEN 'add' ELSE 'drop' END AS event_type,
            TIMESTAMP {literal(month.day)} AS occurred_at
        FROM (
            SELECT customer::VARCHAR AS user_id, customer || {literal(f"-{month.name}")} AS session_id, snapshot.owned,
                earlier.owned IS NULL AS is_new, xor(snapshot.owned, coalesce(earlier.owned, 0)) AS changed
            FROM ({now}) AS snapshot LEFT JOIN ({then or _none_of(now)}) AS earlier USING (customer)
        )
        CROSS JOIN (VALUES {bits}) AS products (item_id, bit)
        WHERE changed <> 0 AND (changed >> bit) & 1 = 1
    """


def states(month: Month, facts: Sequence[str], now: str, then: str | None) -> str:
    """The facts of whoever is new or no longer as in the month before, and that somebody is gone.

    Args:
        facts: Columns of `now` and `then` that become attributes.
        now: SQL of the month's customers.
        then: SQL of those of the month before, if there is one.
    """
    pairs = ", ".join(f"{literal(fact)}, snapshot.{identifier(fact)}" for fact in facts)
    unlike = " OR ".join(f"snapshot.{identifier(fact)} IS DISTINCT FROM earlier.{identifier(fact)}" for fact in facts)
    moment, earlier = f"TIMESTAMP {literal(month.day)}", then or _none_of(now)
    return f"""
        SELECT customer::VARCHAR AS user_id, {moment} AS valid_from,
            -- Merging a patch drops its nulls: a fact that is not known stays absent.
            CAST(json_merge_patch('{{}}', json_object({pairs})) AS VARCHAR) AS attributes
        FROM ({now}) AS snapshot LEFT JOIN ({earlier}) AS earlier USING (customer)
        WHERE earlier.customer IS NULL OR {unlike}
        UNION ALL
        SELECT customer::VARCHAR, {moment}, NULL
        FROM ({earlier}) AS earlier ANTI JOIN ({now}) AS snapshot USING (customer)
    """


def _none_of(rows: str) -> str:
    return f"SELECT * FROM ({rows}) WHERE false"
