"""One look through a file before anything lands: its months, what must be mended, and what cannot be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import duckdb

from ml.data.loaders.files import column_expression, first_line, named_rows
from ml.data.loaders.santander.columns import CUSTOMER, KINDS, MISSING_TOGETHER, PROVINCE, SNAPSHOT
from ml.data.loaders.santander.files import SnapshotFile
from ml.data.loaders.santander.reading import Reading, mended_text, misdecoded, reading
from ml.data.loaders.santander.repairs import NO_FACTS, Repair, Repairs
from ml.data.sql import literal
from ml.errors import BadInput

SHARE_LEFT = 0.5  # of the month before: no more than that is no month of a bank
FEWEST_CUSTOMERS = 50  # of the month before, below which their number is left to chance


@dataclass(frozen=True)
class Month:
    """One snapshot of a file.

    Attributes:
        content: Identifies its raw rows, in whichever order and encoding they stand.
        provinces: Names of provinces that were decoded wrongly at the source, with what they mean.
    """

    file: SnapshotFile
    day: date
    repairs: Repairs
    content: str
    provinces: dict[str, str]

    @property
    def name(self) -> str:
        """Such as `2015-01`."""
        return f"{self.day:%Y-%m}"


def survey(connection: duckdb.DuckDBPyConnection, file: SnapshotFile) -> list[Month]:
    """The months of a file, in order.

    Raises:
        BadInput: The file has no rows, or rows that cannot be read: names the columns, the first rows, a remedy.
    """
    readings = [reading(column, file.latin) for column in file.columns]
    repairs = _repairs(readings)
    (snapshot,) = (each.typed for each in readings if each.column == SNAPSHOT)
    raw = ", ".join(column_expression(column) for column in file.columns)
    province = column_expression(PROVINCE)
    query = f"""
        SELECT {snapshot} AS day, count(*), bit_xor(hash({raw}))::VARCHAR,
            coalesce(list(DISTINCT trim({province})) FILTER ({misdecoded(province)}), []::VARCHAR[]),
            [{", ".join(f"count_if({each.unreadable})" for each in readings)}],
            [{", ".join(f"count_if({condition})" for condition in repairs.values())}]
        FROM {file.raw.scan} AS raw GROUP BY day ORDER BY day
    """
    try:
        rows = connection.execute(query).fetchall()
    except duckdb.Error as error:
        raise BadInput(
            f"{file.raw.path}: cannot be read: {first_line(error)} Download it again, or mend the row"
        ) from None
    if not rows:
        raise BadInput(f"{file.raw.path}: has no rows below its column names; download it again")
    _refuse_unreadable(connection, file, readings, [row[4] for row in rows])
    return [
        Month(file, day, Repairs(count, _needed(repairs, repaired)), content, _mended(provinces))
        for day, count, content, provinces, _, repaired in rows
    ]


def _repairs(readings: Sequence[Reading]) -> dict[Repair, str]:
    """The condition of each repair; a row without its customer's facts counts by itself and in each column."""
    no_facts = " AND ".join(each.repairs["missing"] for each in readings if each.column in MISSING_TOGETHER)
    found = {Repair(each.column, what): condition for each in readings for what, condition in each.repairs.items()}
    return {NO_FACTS: no_facts} | found


def _needed(repairs: Iterable[Repair], counts: list[int]) -> dict[Repair, int]:
    return {repair: count for repair, count in zip(repairs, counts, strict=True) if count}


def _mended(provinces: list[str]) -> dict[str, str]:
    return {name: right for name in sorted(provinces) if (right := mended_text(name))}


def _refuse_unreadable(
    connection: duckdb.DuckDBPyConnection, file: SnapshotFile, readings: list[Reading], counted: list[list[int]]
) -> None:
    totals = [sum(of_months) for of_months in zip(*counted, strict=True)]
    problems = [
        f"column {each.column!r} is not {KINDS[each.column].value} in {count:,} rows "
        f"({named_rows(connection, file.raw, column_expression(each.column), each.unreadable)})"
        for each, count in zip(readings, totals, strict=True)
        if count
    ]
    if problems:
        raise BadInput(f"{file.raw.path}: {'; '.join(problems)}. Write these values as the competition's files do")


def refuse_gaps(months: Sequence[Month]) -> None:
    """Raise `BadInput` unless there is one snapshot in each month from the first to the last."""
    for before, month in pairwise(months):
        passed = (month.day.year - before.day.year) * 12 + month.day.month - before.day.month
        where = f"{month.file.raw.path}: column {SNAPSHOT!r}: the {month.repairs.rows:,} rows of {month.day}"
        if passed < 1:
            raise BadInput(
                f"{where} follow a snapshot of {before.day} in {before.file.raw.name}: keep one snapshot a month"
            )
        if passed > 1:
            raise BadInput(
                f"{where} follow those of {before.day}, with {passed - 1} month(s) missing between: without them "
                "nobody knows what was added when. Add the rows of the missing month(s), or drop those before"
            )


def refuse_halves(months: Sequence[Month]) -> None:
    """Raise `BadInput` if at most half of a month's customers are left in the next: an export that was cut off."""
    for before, month in pairwise(months):
        left, had = month.repairs.rows, before.repairs.rows
        if had >= FEWEST_CUSTOMERS and left <= SHARE_LEFT * had:
            raise BadInput(
                f"{month.file.raw.path}: column {SNAPSHOT!r}: {month.name} has {left:,} rows, after {had:,} in "
                f"{before.name}: half of the customers do not leave in a month. Export {month.name} again, whole, or "
                "drop its rows and those after it"
            )


def refuse_repeated_customers(connection: duckdb.DuckDBPyConnection, month: Month, snapshot: str) -> None:
    """Raise `BadInput` if a customer stands twice in a month.

    Args:
        snapshot: SQL that yields the month's rows, with `customer`.
    """
    found = connection.execute(
        f"SELECT customer, count(*) OVER () FROM ({snapshot}) GROUP BY customer HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
    ).fetchone()
    if found is None:
        return
    customer, day = reading(CUSTOMER), reading(SNAPSHOT)
    condition = f"{customer.typed} = {found[0]} AND {day.typed} = DATE {literal(month.day)}"
    rows = named_rows(connection, month.file.raw, column_expression(CUSTOMER), condition)
    raise BadInput(
        f"{month.file.raw.path}: column {CUSTOMER!r}: {found[1]:,} customer(s) stand more than once in {month.name}, "
        f"such as {found[0]} ({rows}). Keep one row a customer and month"
    )
