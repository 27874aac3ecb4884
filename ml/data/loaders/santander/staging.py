"""Snapshots into landing tables: each month against the one before, two months in memory at a time.

The raw file is read once into scratch files, one a month, typed, with a customer's portfolio as one number whose
bits are the products (`columns.BITS`).
"""

from collections.abc import Sequence
from functools import cache, partial
from itertools import groupby
from pathlib import Path

from ml.artifacts import code_digest
from ml.data.landing_writer import LandingWriter, Part
from ml.data.loaders.santander.columns import BITS, CUSTOMER, FACTS, PRODUCTS, SNAPSHOT
from ml.data.loaders.santander.files import SnapshotFile, snapshot_files
from ml.data.loaders.santander.reading import reading
from ml.data.loaders.santander.repairs import Repairs, total
from ml.data.loaders.santander.survey import Month, refuse_gaps, refuse_repeated_customers, survey
from ml.data.schema import absent_columns
from ml.data.sql import identifier, literal
from ml.domains import Source
from ml.logs import get_logger, progress

log = get_logger(__name__)

SUPPLIED = {
    "interactions": ("event_id", "user_id", "session_id", "item_id", "event_type", "occurred_at"),
    "items": ("item_id", "name", "category"),
    "users": ("user_id", "attributes"),
    "user_states": ("user_id", "valid_from", "attributes"),
}
SOURCE = Source(name="santander", absent=absent_columns(SUPPLIED))
ROWS_HELD = 32_768  # of each month, before they are written to its scratch file


def stage(writer: LandingWriter, folder: Path) -> Repairs:
    """Stage every month of the files in a folder that has not landed yet.

    Returns:
        What was mended in the files, in all months.

    Raises:
        BadInput: The files are not the source's, or not whole: a month missing, a customer twice in a month.
    """
    months = [month for file in snapshot_files(writer.connection, folder) for month in survey(writer.connection, file)]
    refuse_gaps(months)
    repairs = total(month.repairs for month in months)
    log.info("%s", repairs.table())
    parts = [part for month, before in _pairs(months) for part in _parts(month, before)]
    if not all(writer.holds(part) for part in [*parts, _customers(months)]):
        _stage_all(writer, months)
    writer.stage(Part("items", "catalogue", {"loader": _code()}), _catalogue())
    return repairs


def _stage_all(writer: LandingWriter, months: list[Month]) -> None:
    steps = [
        *(partial(_write_scratch, writer, file, list(of)) for file, of in groupby(months, key=lambda each: each.file)),
        *(partial(refuse_repeated_customers, writer.connection, each, _scratch(writer, each)) for each in months),
        *(partial(_stage_month, writer, month, before) for month, before in _pairs(months)),
        partial(_stage_customers, writer, months),
    ]
    for step in progress(steps, "landing santander"):
        step()


def _pairs(months: Sequence[Month]) -> list[tuple[Month, Month | None]]:
    return list(zip(months, [None, *months], strict=False))


@cache
def _code() -> str:
    return code_digest("data/loaders/santander", "data/loaders/files.py")


def _parts(month: Month, before: Month | None) -> list[Part]:
    """The partitions of a month: the test month's products are not known."""
    tables = ["interactions", "user_states"] if month.file.has_products else ["user_states"]
    inputs = {"loader": _code(), "month": month.content, "before": before.content if before else None}
    return [Part(table, month.name, inputs) for table in tables]


def _customers(months: Sequence[Month]) -> Part:
    return Part("users", "customers", {"loader": _code(), "months": [month.content for month in months]})


def _folder(writer: LandingWriter) -> Path:
    return writer.scratch / "snapshots"


def _scratch(writer: LandingWriter, month: Month) -> str:
    files = literal(_folder(writer) / f"month={month.name}" / "*.parquet")
    return f"SELECT * FROM read_parquet({files}, hive_partitioning = false)"


def _write_scratch(writer: LandingWriter, file: SnapshotFile, months: list[Month]) -> None:
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
    writer.connection.execute(f"SET partitioned_write_flush_threshold = {ROWS_HELD}")
    writer.connection.execute(
        f"COPY ({query}) TO {literal(_folder(writer))} (FORMAT parquet, PARTITION_BY (month), OVERWRITE_OR_IGNORE)"
    )


def _stage_month(writer: LandingWriter, month: Month, before: Month | None) -> None:
    now = _scratch(writer, month)
    then = _scratch(writer, before) if before else f"{now} WHERE false"
    queries = {"interactions": _interactions(month, now, then), "user_states": _states(month, now, then)}
    notes = {"file": month.file.raw.name, "rows": month.repairs.rows, "repairs": month.repairs.by_column()}
    for part in _parts(month, before):
        writer.stage(part, queries[part.table], notes)


def _interactions(month: Month, now: str, then: str) -> str:
    """What changed in each portfolio; a customer who was not in the month before holds what they have."""
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
            FROM ({now}) AS snapshot LEFT JOIN ({then}) AS earlier USING (customer)
        )
        CROSS JOIN (VALUES {bits}) AS products (item_id, bit)
        WHERE changed <> 0 AND (changed >> bit) & 1 = 1
    """


def _states(month: Month, now: str, then: str) -> str:
    """The facts of whoever is new or no longer as in the month before, and that somebody is gone."""
    pairs = ", ".join(f"{literal(fact.name)}, snapshot.{identifier(fact.name)}" for fact in FACTS.values())
    unlike = " OR ".join(
        f"snapshot.{identifier(fact.name)} IS DISTINCT FROM earlier.{identifier(fact.name)}" for fact in FACTS.values()
    )
    moment = f"TIMESTAMP {literal(month.day)}"
    return f"""
        SELECT customer::VARCHAR AS user_id, {moment} AS valid_from,
            -- Merging a patch drops its nulls: a fact that is not known stays absent.
            CAST(json_merge_patch('{{}}', json_object({pairs})) AS VARCHAR) AS attributes
        FROM ({now}) AS snapshot LEFT JOIN ({then}) AS earlier USING (customer)
        WHERE earlier.customer IS NULL OR {unlike}
        UNION ALL
        SELECT customer::VARCHAR, {moment}, NULL
        FROM ({then}) AS earlier ANTI JOIN ({now}) AS snapshot USING (customer)
    """


def _stage_customers(writer: LandingWriter, months: list[Month]) -> None:
    """Whoever was ever in a snapshot; what is known about them changes, and lands as states."""
    snapshots = literal(_folder(writer) / "*" / "*.parquet")
    writer.stage(
        _customers(months),
        f"SELECT DISTINCT customer::VARCHAR AS user_id, '{{}}' AS attributes FROM read_parquet({snapshots})",
    )


def _catalogue() -> str:
    rows = ", ".join(f"({literal(flag)}, {literal(name)}, {literal(kind)})" for flag, (name, kind) in PRODUCTS.items())
    return f"SELECT * FROM (VALUES {rows}) AS catalogue (item_id, name, category)"
